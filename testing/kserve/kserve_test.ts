import { openEncoder as openPictures } from "@vcs/clip-drift/encoder";
import { Encoder as SoundEncoder } from "@vcs/encodec-stream";
import { OnnxError } from "@vcs/onnx/errors";
import { Session } from "@vcs/onnx/session";
import { openEncoder as openTokens } from "@vcs/video-vq";
import assert from "node:assert/strict";
import { join } from "node:path";
import { assertEqual, feedsOf } from "../exported_graphs.ts";
import { whereThere } from "../shared.ts";
import { graphPaths, type GraphServer, KSERVE_PYTHON, serveHere, startKserve } from "./servers.ts";

/** What is exported, by the commands. */
const EXPORTS = [
  ["encodec-stream", "encodec_tiny_24khz"],
  ["video-vq", "vq-tiny", "--size", "32x16"],
  ["clip-drift", "gist"],
];

async function exported(folder: string): Promise<void> {
  for (const [name, ...args] of EXPORTS) {
    const path = join(import.meta.dirname!, "../../packages", name!, "mod.ts");
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", path, "export", ...args, "-o", folder],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  }
}

/** Codes of one and a half seconds of sound in pieces: states go to and fro with every chunk. */
async function codesBy(device: string): Promise<number[]> {
  using encoder = await SoundEncoder.open("encodec_tiny_24khz", undefined, { device });
  const pieces = Array.from({ length: 5 }, (_, piece) => [
    Float32Array.from({ length: 7200 }, (_, i) => Math.sin((7200 * piece + i) ** 2 / 1e6) / 2),
  ]);
  const blocks = await Array.fromAsync(
    encoder.encode(ReadableStream.from(pieces), { lowLatency: true }),
  );
  return blocks.flatMap(({ codes }) => [...codes]);
}

const pixel = (_: unknown, i: number): number => (i * 7 + (i >> 5) * 11) % 256;

async function tokensBy(device: string) {
  using encoder = await openTokens("vq-tiny", { device });
  const data = Uint8Array.from({ length: 17 * 16 * 32 * 3 }, pixel);
  return await encoder.encode({ frameCount: 17, height: 16, width: 32, data });
}

async function pictureBy(device: string): Promise<Float32Array> {
  using encoder = await openPictures({ model: "gist", device });
  return await encoder.encode({
    width: 40,
    height: 30,
    data: Uint8Array.from({ length: 3600 }, pixel),
  });
}

async function checkGraphs(folder: string, device: string): Promise<void> {
  for (const [name, path] of await graphPaths(folder)) {
    using here = await Session.open(path, { device: "cpu", threads: 1 });
    using there = await Session.open(name, { device });
    const feeds = feedsOf(here);
    const [found, expected] = [await there.run(feeds), await here.run(feeds)];
    assert.deepEqual(Object.keys(found).sort(), Object.keys(expected).sort());
    for (const [key, t] of Object.entries(expected)) assertEqual(found[key]!, t, `${name} ${key}`);
  }
}

async function checkPackages(device: string): Promise<void> {
  const codes = await codesBy(device);
  assert.ok(new Set(codes).size > 50);
  assert.deepEqual(codes, await codesBy("cpu"));
  assert.deepEqual(await tokensBy(device), await tokensBy("cpu"));
  const [found, expected] = [await pictureBy(device), await pictureBy("cpu")];
  const furthest = found.reduce((most, x, i) => Math.max(most, Math.abs(x - expected[i]!)), 0);
  assert.ok(furthest <= 1e-5, `${furthest}`);
}

/** A server that is killed while sound is encoded ends that with its error. */
async function checkKill(server: GraphServer): Promise<void> {
  using encoder = await SoundEncoder.open("encodec_tiny_24khz", undefined, {
    device: server.device,
  });
  async function* endless(): AsyncGenerator<Float32Array[]> {
    for (let i = 0;; i++) {
      if (i === 3) await server.kill();
      yield [new Float32Array(24_000)];
    }
  }
  await assert.rejects(Array.fromAsync(encoder.encode(endless(), { batch: 1 })), (error) => {
    assert.ok(error instanceof OnnxError && error.code === "server-failed", String(error));
    return true;
  });
}

for (
  const [name, start, needed] of [
    ["a server in this process", serveHere, {}],
    ["KServe's own server", startKserve, {
      "KServe's server, by deno task kserve": KSERVE_PYTHON !== undefined,
    }],
  ] as const
) {
  Deno.test({
    ...whereThere(
      `${name}: every exported graph, and the packages on it, give what they give here, until it is killed`,
      needed,
    ),
    fn: async () => {
      const folder = await Deno.makeTempDir();
      try {
        await exported(folder);
        await using server = await start(folder);
        await checkGraphs(folder, server.device);
        await checkPackages(server.device);
        await checkKill(server);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
