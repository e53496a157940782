/**
 * The caches of models: those that are built, and those that are downloaded. What they lose they get
 * again, but they may never hold something wrong, or be stuck.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { cachedModel, ModelCatalog } from "@vcs/onnx";
import { GraphBuilder } from "@vcs/onnx/graph";
import { tensor } from "@vcs/transport/tensor";
import { checkFiles } from "../../packages/onnx/cache/manifest.ts";
import { isPayload, payloadOf, sorted, type Store } from "./store.ts";

/** Bytes of a downloaded file. */
const LENGTH = 40_000;

/** Numbers of a built model's weights. */
const WEIGHTS = 20_000;

/** A model whose weights are an item's number. */
function graphOf(number: number): GraphBuilder {
  const g = new GraphBuilder(`item${number}`);
  const weights = g.weight("w", tensor("F32", [WEIGHTS], new Float32Array(WEIGHTS).fill(number)));
  g.output("y", g.add(g.input("x", "F32", ["N", WEIGHTS]), weights));
  return g;
}

const build = (number: number, folder: string) =>
  cachedModel(graphOf(number), [`item ${number}`], folder);

async function isBuilt(path: string, number: number): Promise<boolean> {
  const bytes = await Deno.readFile(path.replace(/onnx$/, "weights"));
  const weights = new Float32Array(bytes.buffer, 0, WEIGHTS);
  return weights.every((weight) => weight === number);
}

/** The models that a folder has: as they are, and what comes where they are asked for. */
async function* builtIn(folder: string): AsyncGenerator<[number, boolean]> {
  for (const { name } of await Array.fromAsync(Deno.readDir(folder))) {
    const [, text] = /^item(\d+)-[0-9a-f]{16}$/.exec(name) ?? [];
    if (text === undefined) continue;
    const number = Number(text);
    const files = [`item${text}.weights`, `item${text}.onnx`];
    const wasRight = await checkFiles(`${folder}/${name}`, files) === "right";
    const isRight = await isBuilt(await build(number, folder), number);
    if (wasRight || !isRight) yield [number, isRight];
  }
}

/** Models that are built from checkpoints. */
export const built: Store = {
  async write(folder, from, kept) {
    for (let number = from;; number++) {
      const path = await build(number, folder);
      if (!path.startsWith(folder)) throw new Error("the model is built in a temporary folder");
      kept(number);
    }
  },
  read: (folder) => sorted(builtIn(folder)),
};

/** A server of the files, which takes some milliseconds for each. */
export function serveItems(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    const bytes = payloadOf(Number(new URL(url).pathname.slice(1)), LENGTH);
    let at = 0;
    const body = new ReadableStream({
      async pull(controller) {
        if (at >= LENGTH) return controller.close();
        await new Promise((resolve) => setTimeout(resolve, 2));
        controller.enqueue(bytes.subarray(at, at += LENGTH / 8));
      },
    });
    return new Response(body, { headers: { "content-length": `${LENGTH}`, etag: '"1"' } });
  });
}

/** Name of the environment variable that says where the server is. */
export const SERVER = "MATRIX_SERVER";

function fetchItem(number: number, folder: string): Promise<string> {
  const file = `item${number}.bin`;
  const url = `${Deno.env.get(SERVER)}/${number}`;
  const files = [{ file, url }];
  const model = { name: file, aliases: [], about: "an item", bytes: LENGTH, files };
  const env = new Map([["VCS_CACHE", folder], ["HOME", folder]]);
  return new ModelCatalog([model], { env }).resolve(file, { onLine() {} });
}

/** SHA-256 that the list of first downloads has, by number. */
async function lockedIn(folder: string): Promise<Map<number, string>> {
  const text = await Deno.readTextFile(`${folder}/models/models.lock.json`).catch(() => "{}");
  const entries = Object.entries<{ sha256: string }>(JSON.parse(text));
  return new Map(entries.map(([url, { sha256 }]) => [Number(url.split("/").at(-1)), sha256]));
}

/** The files that a folder has; those that are noted count. */
async function* downloadsIn(folder: string): AsyncGenerator<[number, boolean]> {
  const locked = await lockedIn(folder);
  for await (const { name } of Deno.readDir(`${folder}/models`)) {
    const [, text] = /^item(\d+)\.bin$/.exec(name) ?? [];
    if (text === undefined) continue;
    const number = Number(text);
    const bytes = await Deno.readFile(`${folder}/models/${name}`);
    const note = locked.get(number);
    const isNoted = note === undefined || note === createHash("sha256").update(bytes).digest("hex");
    const isRight = isNoted && isPayload(bytes, number, LENGTH);
    if (note !== undefined || !isRight) yield [number, isRight];
  }
}

/** Models that are downloaded, of which nobody publishes the SHA-256. */
export const downloads: Store = {
  async write(folder, from, kept) {
    for (let number = from;; number++) {
      await fetchItem(number, folder);
      kept(number);
    }
  },
  read: (folder) => sorted(downloadsIn(folder)),
};
