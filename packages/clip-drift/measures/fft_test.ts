import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { fft2, phaseShift, type Spectrum } from "./fft.ts";

const square = (side: number, value: (x: number, y: number) => number): Spectrum => ({
  side,
  re: Float64Array.from({ length: side * side }, (_, i) => value(i % side, Math.floor(i / side))),
  im: new Float64Array(side * side),
});

Deno.test("fft2() is the discrete Fourier transform", () => {
  const next = random(1);
  const input = square(8, () => next());
  const { re, im } = fft2({ side: 8, re: input.re.slice(), im: input.im.slice() });
  for (const [u, v] of [[0, 0], [1, 0], [3, 5], [7, 2]] as const) {
    let [real, imaginary] = [0, 0];
    for (const [i, value] of input.re.entries()) {
      const angle = -2 * Math.PI * (u * (i % 8) + v * Math.floor(i / 8)) / 8;
      real += value * Math.cos(angle);
      imaginary += value * Math.sin(angle);
    }
    assert.ok(Math.abs(re[v * 8 + u]! - real) < 1e-9);
    assert.ok(Math.abs(im[v * 8 + u]! - imaginary) < 1e-9);
  }
});

Deno.test("phaseShift() finds a shift through noise, and no clear one between strangers", () => {
  const next = random(2);
  const noise = Float64Array.from({ length: 64 * 64 }, () => next() - 0.5);
  const at = (x: number, y: number) => noise[((y + 64) % 64) * 64 + (x + 64) % 64]!;
  const a = fft2(square(64, at));
  const shifted = square(64, (x, y) => at(x - 5, y + 9) + 0.5 * (next() - 0.5));
  const found = phaseShift(a, fft2(shifted));
  assert.deepEqual([found.x, found.y], [5, -9]);
  const other = phaseShift(a, fft2(square(64, () => next() - 0.5)));
  assert.ok(found.peak > 3 * other.peak, `${found.peak} ${other.peak}`);
});
