import assert from "node:assert/strict";
import { BoundarySmoother } from "./boundary_smoothing.ts";

/** A window of 17 frames of 1x4 pixels, each frame of one value. */
const windowOf = (value: number) => ({
  frameCount: 17,
  height: 1,
  width: 4,
  data: new Uint8Array(17 * 12).fill(value),
});
const valuesOf = ({ data }: { data: Uint8Array }) =>
  Array.from({ length: 17 }, (_, t) => data[12 * t]);

Deno.test("a small step between windows becomes a slope of eight frames", () => {
  for (
    const [before, after, first] of [[100, 104, 100], [104, 100, 104], [100, 109, 105]] as const
  ) {
    const filter = new BoundarySmoother();
    const next = windowOf(after);
    filter.smooth(windowOf(before));
    filter.smooth(next);
    const values = valuesOf(next) as number[];
    assert.ok(Math.abs(values[0]! - first) <= 1, `${values}`);
    assert.deepEqual(values.slice(8), Array(9).fill(after));
    const steps = [before, ...values].map((v, i, all) => Math.abs((all[i + 1] ?? v) - v));
    assert.ok(Math.max(...steps) < Math.abs(after - before), `${values}`);
  }
});

Deno.test("large steps, windows of another size and windows behind a gap stay as they are", () => {
  const filter = new BoundarySmoother();
  filter.smooth(windowOf(100));
  const cut = windowOf(112);
  filter.smooth(cut);
  assert.deepEqual(valuesOf(cut), Array(17).fill(112));
  const other = { ...windowOf(110), width: 2, frameCount: 34 };
  filter.smooth(other);
  assert.ok(other.data.every((v) => v === 110));
  filter.reset();
  const alone = windowOf(108);
  filter.smooth(alone);
  assert.deepEqual(valuesOf(alone), Array(17).fill(108));
});

Deno.test("bytes do not run over", () => {
  const filter = new BoundarySmoother();
  const [bright, dark] = [windowOf(255), windowOf(250)];
  bright.data.fill(255, 12);
  filter.smooth(windowOf(250));
  filter.smooth(bright);
  assert.ok(bright.data.every((v) => v >= 250));
  filter.smooth(dark);
  assert.ok(dark.data.every((v) => v >= 250));
});
