import { Session } from "@vcs/onnx/session";
import assert from "node:assert/strict";
import { openEncoder } from "./encoder.ts";

/** Pictures in each run of the model while so many are encoded at once. */
async function runsOf(count: number): Promise<number[]> {
  const { run } = Session.prototype;
  const runs: number[] = [];
  Session.prototype.run = function (feeds, options) {
    runs.push(feeds["pixels"]!.shape[0]!);
    return run.call(this, feeds, options);
  };
  try {
    using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
    const image = { width: 8, height: 8, data: new Uint8Array(3 * 8 * 8) };
    const found = await encoder.encodeBatch(Array(count).fill(image));
    assert.equal(found.length, count);
  } finally {
    Session.prototype.run = run;
  }
  return runs;
}

Deno.test("pictures that come while the model runs share the next run, at most 16", async () => {
  assert.deepEqual(await runsOf(40), [1, 16, 16, 7]);
});
