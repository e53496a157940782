import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { ControlCharts, robustScale } from "./measures/charts.ts";
import { cosine, DriftTracker } from "./drift.ts";
import { mmdSquared } from "./measures/mmd.ts";

const next = random(3);
const gauss = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());

/** A point near the axis `axis`, with noise. */
function near(axis: number, noise = 0.02): Float32Array {
  return Float32Array.from({ length: 16 }, (_, i) => Number(i === axis) + noise * gauss());
}

Deno.test("cosine() is 0 if a vector is all zeros", () => {
  assert.equal(cosine(new Float32Array(4), Float32Array.of(1, 2, 3, 4)), 0);
  assert.ok(Math.abs(cosine(Float32Array.of(2, 0), Float32Array.of(3, 3)) - Math.SQRT1_2) < 1e-7);
});

Deno.test("DriftTracker gives 1 for the first frame and leaves it out of the statistics", () => {
  const tracker = new DriftTracker();
  const first = tracker.push(Float32Array.of(1, 0), 0);
  assert.deepEqual([first.similarity, first.drift, first.rolling], [1, 0, undefined]);
  assert.equal(tracker.recent.count, 0);
  assert.equal(tracker.push(Float32Array.of(0, 1), 1).drift, 1);
  assert.deepEqual(tracker.recent, { count: 1, mean: 0, std: 0, min: 0, max: 0 });
  assert.equal(tracker.push(new Float32Array(2), 2).similarity, 0);
});

Deno.test("DriftTracker looks back on a bounded number of similarities, and sums up all", () => {
  const tracker = new DriftTracker({ window: 5 });
  for (let i = 0; i < 20; i++) tracker.push(near(i < 12 ? 0 : 1), i);
  assert.equal(tracker.recent.count, 5);
  assert.ok(tracker.recent.min! > 0.9);
  assert.equal(tracker.total.count, 19);
  assert.ok(tracker.total.min! < 0.2);
});

Deno.test("reference drift sees a slow change that step drift does not", () => {
  const tracker = new DriftTracker({ referenceFrames: 3 });
  let most = 0;
  let last: number | undefined;
  for (let i = 0; i <= 200; i++) {
    const angle = i / 200 * Math.PI / 2;
    const row = tracker.push(Float32Array.of(Math.cos(angle), Math.sin(angle)), i / 10);
    most = Math.max(most, row.drift);
    if (i < 2) assert.equal(row.reference, undefined);
    last = row.reference;
  }
  assert.ok(most < 0.001);
  assert.ok(last! > 0.95);
});

Deno.test("reference drift is measured against a given embedding from the first frame on", () => {
  const tracker = new DriftTracker({ reference: Float32Array.of(0, 1) });
  assert.equal(tracker.push(Float32Array.of(1, 0), 0).reference, 1);
});

Deno.test("reference drift is measured against a chosen frame", () => {
  const tracker = new DriftTracker({ referenceFrames: 1, referenceFrom: 2 });
  const axes = [0, 0, 1, 1, 0].map((axis) => near(axis, 0));
  const measured = axes.map((embedding, i) => tracker.push(embedding, i).reference);
  assert.deepEqual(measured, [undefined, undefined, 0, 0, 1]);
});

Deno.test("rolling drift rises at a change and fades with its half-life", () => {
  const tracker = new DriftTracker({ halfLife: 2 });
  const rolling: number[] = [];
  for (let i = 0; i < 100; i++) {
    rolling.push(tracker.push(near(i < 40 ? 0 : 1, 0), i / 10).rolling!);
  }
  assert.ok(rolling[39]! < 1e-6);
  assert.ok(rolling[40]! > 0.99);
  // After one half-life both scenes weigh the same: the angle between is 45 degrees.
  assert.ok(Math.abs(rolling[60]! - (1 - Math.SQRT1_2)) < 0.02);
  assert.ok(rolling[99]! < 0.05);
});

Deno.test("charts say nothing while they learn, little of noise, and much of a lasting shift", () => {
  const charts = new ControlCharts(30);
  for (let i = 0; i < 30; i++) assert.equal(charts.push(0.02 + 0.005 * gauss()), undefined);
  let calm = 0;
  for (let i = 0; i < 200; i++) calm = Math.max(calm, charts.push(0.02 + 0.005 * gauss())!.ewma);
  assert.ok(calm < 5, `calm ${calm}`);
  let shifted = { ewma: 0, cusum: 0 };
  for (let i = 0; i < 20; i++) shifted = charts.push(0.03 + 0.005 * gauss())!;
  assert.ok(shifted.cusum > 8, `cusum ${shifted.cusum}`);
  assert.ok(shifted.ewma > 3, `ewma ${shifted.ewma}`);
});

Deno.test("one outlier is not an alarm of the CUSUM", () => {
  const charts = new ControlCharts(10);
  for (let i = 0; i < 10; i++) charts.push(i / 100);
  assert.ok(charts.push(1000)!.cusum < 5);
});

Deno.test("robustScale() does not mind outliers", () => {
  assert.deepEqual(robustScale([1, 2, 3, 4, 1e9]), { centre: 3, spread: 1.4826 });
  assert.equal(robustScale([2, 4]).centre, 3);
});

Deno.test("mmdSquared() is near 0 within a distribution and large between two", () => {
  const sample = (axis: number) => Array.from({ length: 24 }, () => near(axis, 0.2));
  assert.ok(Math.abs(mmdSquared(sample(0), sample(0))) < 0.05);
  assert.ok(mmdSquared(sample(0), sample(5)) > 0.3);
  const same = Array.from({ length: 4 }, () => Float32Array.of(1, 0));
  assert.equal(mmdSquared(same, same), 0);
});

Deno.test("the MMD of adjacent windows peaks after a change and comes down again", () => {
  const tracker = new DriftTracker({ mmdWindow: 8 });
  const values: (number | undefined)[] = [];
  for (let i = 0; i < 64; i++) values.push(tracker.push(near(i < 32 ? 0 : 1, 0.1), i / 10).mmd);
  assert.equal(values[14], undefined);
  assert.ok(values[31]! < 0.1);
  assert.ok(values[40]! > 0.5);
  assert.ok(values[60]! < 0.1);
});

Deno.test("DriftTracker refuses settings that make no sense, and embeddings of another length", () => {
  assert.throws(() => new DriftTracker({ window: 0 }), {
    name: "RangeError",
    message: "Cannot track drift: found window 0, expected a whole number from 1",
  });
  assert.throws(() => new DriftTracker({ halfLife: -1 }), RangeError);
  const tracker = new DriftTracker();
  tracker.push(new Float32Array(3), 0);
  assert.throws(() => tracker.push(new Float32Array(4), 0), RangeError);
});

/** The cuts of a stream of axes; `-` is a frame without content. */
function cuts(axes: string, confirmFrames = 3): number[] {
  const tracker = new DriftTracker({ confirmFrames });
  return [...axes].flatMap((axis, i) => {
    const row = tracker.push(near(Number(axis) || 0), i, i, { hasContent: axis !== "-" });
    return (row.cut ?? 0) > 0.4 ? [i] : [];
  });
}

Deno.test("a cut is one only if it is still different some frames later, and then at once", () => {
  assert.deepEqual(cuts("000001111111"), [8]);
  assert.deepEqual(cuts("01111111"), [4]);
  for (const flash of ["000010000000", "000011000000", "000011100000"]) {
    assert.deepEqual(cuts(flash), [], flash);
  }
  assert.deepEqual(cuts("0000111100000000"), [7, 11]);
  assert.deepEqual(cuts("000001111", 1), [6]);
  assert.deepEqual(cuts("0000012222"), [8, 9]);
});

Deno.test("a frame without content hides neither a cut nor what is the same behind it", () => {
  assert.deepEqual(cuts("----000000"), []);
  assert.deepEqual(cuts("00000---00000"), []);
  assert.deepEqual(cuts("00000---11111"), [11]);
});

Deno.test("frames of the same bytes are alike, even if the model sees nothing in them", () => {
  const tracker = new DriftTracker();
  const embedding = new Float32Array(4);
  tracker.push(embedding, 0);
  assert.equal(tracker.push(embedding, 1, 1, { isDuplicate: true }).similarity, 1);
  assert.equal(tracker.push(embedding, 2, 2).similarity, 0);
});

Deno.test("DriftTracker refuses to confirm cuts after no frames", () => {
  assert.throws(() => new DriftTracker({ confirmFrames: 0 }), /found confirmFrames 0/);
});
