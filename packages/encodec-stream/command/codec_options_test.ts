import assert from "node:assert/strict";
import { codecOptions } from "./codec_options.ts";

const { signal } = new AbortController();

/** The options that a codec is opened with, without how weights are found. */
function chosen(options: Parameters<typeof codecOptions>[0]) {
  const { resolve, ...rest } = codecOptions(options, signal);
  assert.equal(resolve?.signal, signal);
  return rest;
}

Deno.test("-g N is --device cuda:N where there is no --device", () => {
  assert.deepEqual(chosen({ gpu: 0 }), { device: "cuda:0" });
  assert.deepEqual(chosen({ gpu: 1, device: "cpu" }), { device: "cpu" });
});

Deno.test("options that are absent leave the codec's defaults", () => {
  assert.deepEqual(chosen({}), {});
  assert.deepEqual(chosen({ weights: "x.th", threads: 2 }), { weights: "x.th", threads: 2 });
});
