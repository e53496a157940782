import { fromBfloat16 } from "@vcs/transport";
import assert from "node:assert/strict";
import { extractPatches, type PatchForm } from "./extract.ts";

const grid = { patchSize: 2, targetW: 8, targetH: 4, gridW: 4, gridH: 2 };
const form: PatchForm = { outputDtype: "float32", normalize: "none", flatten: "none" };
/** Two frames whose values say where they are: frame 1000, row 100, column 10, channel 1. */
const frames = [0, 1].map((t) =>
  Float32Array.from({ length: 8 * 4 * 3 }, (_, n) => {
    const [y, x, c] = [Math.floor(n / 24), Math.floor(n / 3) % 8, n % 3];
    return 1000 * t + 100 * y + 10 * x + c;
  })
);

Deno.test("extractPatches() cuts patches in both orders", () => {
  const planes = [1220, 1230, 1320, 1330, 1221, 1231, 1321, 1331, 1222, 1232, 1322, 1332];
  const pixels = [1220, 1221, 1222, 1230, 1231, 1232, 1320, 1321, 1322, 1330, 1331, 1332];
  const cut = (flatten: PatchForm["flatten"]) =>
    extractPatches(frames, grid, Int32Array.of(13), { ...form, flatten });
  assert.deepEqual([...cut("none").data], planes);
  assert.deepEqual(cut("none").shape, [1, 3, 2, 2]);
  assert.deepEqual([...cut("chw").data], planes);
  assert.deepEqual(cut("chw").shape, [1, 12]);
  assert.deepEqual([...cut("hwc").data], pixels);
});

Deno.test("extractPatches() normalises each channel, in both orders", () => {
  const one = Int32Array.of(2);
  const unit = extractPatches(frames, grid, one, { ...form, normalize: "unit" });
  assert.ok(Math.abs((unit.data[0] as number) - 40 / 255) < 1e-6);
  const mean = [0.48145466, 0.4578275, 0.40821073];
  const std = [0.26862954, 0.26130258, 0.27577711];
  const expected = [40, 41, 42].map((value, c) => (value / 255 - mean[c]!) / std[c]!);
  const pixels = extractPatches(frames, grid, one, { ...form, normalize: "clip", flatten: "hwc" });
  const planes = extractPatches(frames, grid, one, { ...form, normalize: "clip" });
  expected.forEach((value, c) => {
    assert.ok(Math.abs((pixels.data[c] as number) - value) < 1e-5);
    assert.ok(Math.abs((planes.data[4 * c] as number) - value) < 1e-5);
  });
  const own = { mean: [0, 0, 0], std: [1, 1, 0.5] } as const;
  const halved = extractPatches(frames, grid, one, { ...form, normalize: own, flatten: "hwc" });
  assert.ok(Math.abs((halved.data[2] as number) - 84 / 255) < 1e-6);
});

Deno.test("extractPatches() rounds to the nearest even bfloat16 and float16", () => {
  const tile = { patchSize: 2, targetW: 4, targetH: 4, gridW: 2, gridH: 2 };
  const values = [128.5, 129.5, 161.2142791748047, 64.25, 63.9, 0, 255, 200.1, 1, 2, 3, 4];
  const frame = new Float32Array(4 * 4 * 3);
  values.forEach((value, n) => frame[Math.floor(n / 6) * 12 + n % 6] = value);
  const cut = (outputDtype: PatchForm["outputDtype"]) =>
    extractPatches([frame], tile, Int32Array.of(0), { ...form, outputDtype, flatten: "hwc" });
  const bits = cut("bfloat16");
  assert.equal(bits.dtype, "BF16");
  assert.deepEqual(
    [...fromBfloat16(bits.data as Uint16Array)],
    [128, 130, 161, 64, 64, 0, 255, 200, 1, 2, 3, 4],
  );
  const half = cut("float16");
  assert.equal(half.dtype, "F16");
  assert.equal(half.data[2], 161.25);
});
