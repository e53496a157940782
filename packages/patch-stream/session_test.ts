import { tensor } from "@vcs/transport/tensor";
import assert from "node:assert/strict";
import { PatchStreamError } from "./errors.ts";
import { PatchStreamSession } from "./session.ts";

function makeSession(): PatchStreamSession {
  const fields = [[0, 4, 1, 1, 0, 1], [1, 9, 0, 6, 1, 0], [1, 9, 0, 7, 1, 1]];
  return new PatchStreamSession({
    patches: tensor("F32", [3, 3, 1, 1], Float32Array.from({ length: 9 }, (_, i) => i)),
    fields: tensor("I64", [3, 6], BigInt64Array.from(fields.flat(), BigInt)),
    scores: tensor("F32", [3], Float32Array.of(0, 0.5, 1)),
    scoreMap: tensor("F32", [2, 2, 2]),
    isKey: [true, false],
    grid: { patchSize: 1, targetW: 2, targetH: 2, gridW: 2, gridH: 2 },
    pixels: [new Float32Array(12).fill(99.5), new Float32Array(12).fill(254.6)],
    sampledFrameIds: [4, 9],
    pts: [0.1, 0.3],
    fps: 30,
    durationSec: 1,
    width: 20,
    height: 20,
    rotation: 0,
    decodedOn: "cpu",
    processedOn: "cpu",
    replaced: [],
  });
}

Deno.test("the iterator, portions and the whole are the same patches", () => {
  using session = makeSession();
  const whole = session.collect();
  const first = session.next(2);
  assert.deepEqual(first.patches.shape, [2, 3, 1, 1]);
  assert.deepEqual([...first.patches.data], [0, 1, 2, 3, 4, 5]);
  assert.deepEqual([...first.scores.data], [0, 0.5]);
  const rest = [...session];
  assert.equal(rest.length, 1);
  const [patch, record] = rest[0]!;
  assert.deepEqual(patch.shape, [3, 1, 1]);
  assert.deepEqual([...patch.data], [6, 7, 8]);
  assert.deepEqual(record, {
    seqPos: 1,
    frameId: 9,
    isI: false,
    patchLinearIdx: 7,
    patchHIdx: 1,
    patchWIdx: 1,
    score: 1,
  });
  assert.deepEqual(whole.metadata[2], record);
  assert.equal(session.next(5).scores.data.length, 0);
  session.reset();
  assert.equal(session.next(5).scores.data.length, 3);
  assert.equal(whole.frames.data[0], 100);
  assert.equal(whole.frames.data[12], 255);
});

Deno.test("next() refuses what is no number of patches", () => {
  using session = makeSession();
  assert.deepEqual(session.next(0).patches.shape, [0, 3, 1, 1]);
  for (const count of [-1, 0.5, NaN]) assert.throws(() => session.next(count), RangeError);
});

Deno.test("a closed session is empty, and says so where it cannot be", () => {
  const session = makeSession();
  const kept = session.patches;
  session.close();
  session.close();
  assert.equal(session.length, 0);
  assert.deepEqual([...session], []);
  assert.deepEqual(session.next(3).patches.shape, [0, 3, 1, 1]);
  assert.deepEqual(session.metadata, []);
  assert.deepEqual(session.sampledFrameIds, []);
  assert.equal(session.fps, 0);
  session.reset();
  assert.deepEqual([...session], []);
  const closed = (error: unknown) => error instanceof PatchStreamError && error.code === "closed";
  assert.throws(() => session.patches, closed);
  assert.throws(() => session.collect(), closed);
  assert.equal(kept.data[8], 8);
});
