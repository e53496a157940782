import { command } from "@vcs/transport/internal";
import assert from "node:assert/strict";
import { REFERENCE } from "../config.ts";
import { resolvePatchConfig } from "../config/fields.ts";
import { readerOptions } from "../sampling/sampled_video.ts";
import { STREAM } from "./options.ts";
import { configOf } from "./stream.ts";

/** The configuration that a command line without its videos stands for. */
async function configFrom(...args: string[]): Promise<ReturnType<typeof configOf>> {
  const seen: ReturnType<typeof configOf>[] = [];
  const line = command({
    name: "line",
    about: "keep the configuration",
    options: STREAM,
    run: ({ options }) => Promise.resolve(void seen.push(configOf(options))),
  });
  const context = { signal: new AbortController().signal, env: () => undefined };
  await line.invoke(args, context);
  return seen[0]!;
}

const resolve = (config: ReturnType<typeof configOf>) =>
  resolvePatchConfig({ ...config, videoPath: "a.mp4" });

Deno.test("a line without options is a configuration without settings", async () => {
  assert.deepEqual(resolve(await configFrom()), resolve({}));
});

Deno.test("what is given wins over --reference", async () => {
  assert.deepEqual(resolve(await configFrom("--reference")), resolve(REFERENCE));
  const given = await configFrom("--reference", "--energy", "codec", "--rotate");
  assert.deepEqual(resolve(given), resolve({ ...REFERENCE, energy: "codec", rotate: true }));
});

Deno.test("--stream-index and --hdr are the reader's", async () => {
  assert.equal(readerOptions(resolve(await configFrom("--stream-index", "2"))).stream, 2);
  assert.equal(readerOptions(resolve(await configFrom("--hdr", "sdr"))).hdr, "sdr");
  assert.equal("stream" in readerOptions(resolve(await configFrom())), false);
});

Deno.test("--no-rotate leaves frames as they lie, with and without --reference", async () => {
  assert.equal((await configFrom("--no-rotate")).rotate, false);
  assert.equal((await configFrom("--no-rotate", "--reference")).rotate, false);
});

Deno.test("values are read in any case, by their other names, and as a fraction", async () => {
  const line = ["--output-dtype", "BF16", "--selection-unit", "block", "--key-frames", "0.25"];
  const { outputDtype, selectionUnit, keyFrames } = await configFrom(...line);
  assert.deepEqual([outputDtype, selectionUnit], ["bfloat16", "block2x2"]);
  assert.deepEqual(keyFrames, { fraction: 0.25 });
});
