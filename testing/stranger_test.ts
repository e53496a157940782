import { EcdcWriter } from "@vcs/encodec-stream/ecdc";
import { TINY_MODEL } from "@vcs/encodec-stream/models";
import { isFile, npmRegistry } from "@vcs/transport/internal";
import { readSafetensors } from "@vcs/transport/safetensors";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { exportsOf, PACKAGES, ROOT } from "./house.ts";
import { MINIMUM_DENO } from "./install.ts";
import { publishAll, Registry } from "./registry.ts";
import { findProgram, needs } from "./shared.ts";
import { Stranger } from "./stranger.ts";

const RUN = ["run", "-A", "--quiet"];
const CLIP = join(ROOT, "apps/demo/clip.mp4");

/** What a stranger does: gives bytes that are the same whenever it is done. */
type Deed = (stranger: Stranger, out: string) => Promise<Uint8Array<ArrayBuffer>>;

/** A short file of the bundled codec, from the codes of its golden vector. */
async function shortEcdc(): Promise<Uint8Array> {
  const golden = join(ROOT, "packages/encodec-stream/testdata/encodec_tiny.safetensors");
  const { tensors } = readSafetensors(await Deno.readFile(golden));
  const samples = tensors.get("audio")!.data.length;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const write = (bytes: Uint8Array) => Promise.resolve(void parts.push(bytes.slice()));
  const writer = new EcdcWriter({ write }, { model: TINY_MODEL, codebooks: 8, samples });
  await writer.write({ codes: Uint16Array.from(tensors.get("codes")!.data as Int32Array) });
  await writer.close(samples);
  return await new Blob(parts).bytes();
}

/** The card's command in a folder. */
const card = (folder: string, ...flags: string[]): Deed => async (stranger) =>
  await stranger.deno(
    [...RUN, ...flags, "jsr:@vcs/encodec-stream", "-d", stranger.path("file.ecdc")],
    { folder },
  );

/** The columns of a table that do not depend on the time of day. */
function withoutTimes(csv: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(csv.replaceAll(/^[^,]*,/gm, ""));
}

/** A program that imports every path of every library, uses one of them, and is type-checked. */
async function consumer(): Promise<string> {
  const paths = await Promise.all(
    PACKAGES.map(async (name) =>
      Object.keys(await exportsOf(name)).map((path) => `@vcs/${name}${path.slice(1)}`)
    ),
  );
  const imports = paths.flat().map((path, i) => `import * as m${i} from "${path}";\n`);
  return `${imports.join("")}
import { Decoder, EcdcReader } from "@vcs/encodec-stream";
const modules: object[] = [${imports.map((_, i) => `m${i}`).join(", ")}];
await using reader = await EcdcReader.open(Deno.args[0]!);
using decoder = await Decoder.open(reader.header.model);
let sum = 0;
for await (const { channels } of decoder.decode(reader)) for (const v of channels[0]!) sum += v;
console.log(modules.length, sum);
`;
}

const DEEDS: Readonly<Record<string, Deed>> = {
  "the card's command": card("empty"),
  "in a folder with a package.json": card("node"),
  "with nodeModulesDir none": card("none"),
  "with nodeModulesDir auto": card("auto"),
  "with nodeModulesDir manual": card("manual"),
  "patch-stream": async (stranger, out) => {
    await stranger.deno([...RUN, "jsr:@vcs/patch-stream", "-o", out, CLIP]);
    return await Deno.readFile(join(out, "clip.safetensors"));
  },
  "video-vq": async (stranger, out) => {
    await Deno.mkdir(out, { recursive: true });
    const file = join(out, "copy.rgb");
    await stranger.deno(
      [...RUN, "jsr:@vcs/video-vq", "roundtrip", "--model", "vq-tiny", "--size", "64", CLIP, file],
    );
    return await Deno.readFile(file);
  },
  "clip-drift": async (stranger, out) => {
    const args = ["--stream", CLIP, "--model", "gist", "--no-display", "--runs", out];
    await stranger.deno([...RUN, "jsr:@vcs/clip-drift", ...args]);
    const [run] = await Array.fromAsync(Deno.readDir(out));
    return withoutTimes(await Deno.readTextFile(join(out, run!.name, "drift.csv")));
  },
  "each library, type-checked by a consumer": async (stranger) => {
    await stranger.deno(["install", "--quiet"], { folder: "library" });
    await stranger.deno(["check", "--quiet", "--frozen", "main.ts"], { folder: "library" });
    const args = [...RUN, "--frozen", "main.ts", stranger.path("file.ecdc")];
    return await stranger.deno(args, { folder: "library" });
  },
  "deno install -g": async (stranger) => {
    const shim = stranger.path("installed/bin/encodec-stream");
    const program = Deno.build.os === "windows" ? `${shim}.cmd` : shim;
    if (!await isFile(program)) {
      const root = ["--root", stranger.path("installed"), "--quiet"];
      await stranger.deno(["install", "-g", "-A", ...root, "jsr:@vcs/encodec-stream"]);
    }
    // The shim calls `deno` by name.
    const env = { PATH: join(Deno.execPath(), "..") };
    return await stranger.deno(["-d", stranger.path("file.ecdc")], { program, env });
  },
  "setup, which finds everything here": async (stranger) => {
    const setup = [...RUN, "jsr:@vcs/encodec-stream", "setup"];
    // What the deeds before it did not need, the clients of brokers, is fetched by a first one.
    await stranger.deno(setup);
    const lines = await stranger.deno(setup);
    const states = new TextDecoder().decode(lines).trim().split("\n");
    for (const line of states) assert.match(line, /^\S.* \(here\), for /);
    assert.ok(states.some((line) => line.startsWith(TINY_MODEL)), "the weights are not listed");
    return lines;
  },
  "the demo": async (stranger, out) => {
    await stranger.deno([...RUN, "jsr:@vcs/demo", out]);
    assert.match(await Deno.readTextFile(join(out, "index.html")), /<title>@vcs demo<\/title>/);
    return await Deno.readFile(join(out, "encodec-stream/speech_1.5.wav"));
  },
};

/** Path of the oldest Deno that is claimed, which npm brings; undefined without npm or a network. */
async function oldestDeno(): Promise<string | undefined> {
  if (findProgram("npx") === undefined) return undefined;
  const { success, stdout } = await new Deno.Command("npx", {
    args: ["-y", `deno@${MINIMUM_DENO}`, "eval", "console.log(Deno.execPath())"],
    env: { NO_COLOR: "1" },
  }).output();
  return success ? new TextDecoder().decode(stdout).trim() : undefined;
}

/** The folders in which a stranger works. */
async function furnish(stranger: Stranger): Promise<void> {
  const imports = Object.fromEntries(
    PACKAGES.map((name) => [`@vcs/${name}`, `jsr:@vcs/${name}@^0.1.0`]),
  );
  const config = (nodeModulesDir: string) => JSON.stringify({ nodeModulesDir });
  await stranger.write({
    "file.ecdc": await shortEcdc(),
    "node/package.json": JSON.stringify({ name: "app", type: "module" }),
    "none/package.json": "{}",
    "none/deno.json": config("none"),
    "auto/package.json": "{}",
    "auto/deno.json": config("auto"),
    "manual/package.json": "{}",
    "manual/deno.json": config("manual"),
    "library/deno.json": JSON.stringify({ imports, nodeModulesDir: "auto" }),
    "library/package.json": "{}",
    "library/main.ts": await consumer(),
  });
}

/** Does everything; gives a digest of each outcome. */
async function doAll(t: Deno.TestContext, stranger: Stranger, round: string) {
  const outcomes: Record<string, string> = {};
  for (const [name, deed] of Object.entries(DEEDS)) {
    await t.step(`${round}: ${name}`, async () => {
      const bytes = await deed(stranger, stranger.path(round, name));
      assert.ok(bytes.length > 0, "there is no output");
      outcomes[name] = createHash("sha256").update(bytes).digest("hex");
    });
  }
  return outcomes;
}

const oldest = await oldestDeno();
const hasNpm = await fetch(npmRegistry().url).then(
  async ({ body }) => (await body?.cancel(), true),
  () => false,
);

Deno.test({
  name: "what a stranger does works from the registry, and then without a network",
  ...needs(hasNpm),
  fn: async (t) => {
    await using registry = new Registry();
    await publishAll(registry);
    await using stranger = await Stranger.meet(registry);
    await furnish(stranger);
    const outcomes = await doAll(t, stranger, "first");
    await t.step({
      name: `the card's command with Deno ${MINIMUM_DENO}`,
      ignore: oldest === undefined,
      fn: async () => {
        const env = { DENO_DIR: stranger.path("oldest") };
        const args = [...RUN, "jsr:@vcs/encodec-stream", "-d", stranger.path("file.ecdc")];
        const bytes = await stranger.deno(args, { program: oldest!, env });
        const digest = createHash("sha256").update(bytes).digest("hex");
        assert.equal(digest, outcomes["the card's command"]);
      },
    });
    stranger.switchOffNetwork();
    assert.deepEqual(await doAll(t, stranger, "second"), outcomes);
    assert.deepEqual(registry.requests, []);
  },
});
