import { random } from "#testing/fuzz.ts";
import assert from "node:assert/strict";
import { coveredCells, resizedCells, sumCells } from "./cells.ts";
import { bilinearTaps } from "../sampling/torch_bilinear.ts";

/** Resizes a map, the long way. */
function resize(map: Float64Array, width: number, height: number, outW: number, outH: number) {
  const [x, y] = [bilinearTaps(width, outW), bilinearTaps(height, outH)];
  return Float64Array.from({ length: outW * outH }, (_, n) => {
    const [j, i] = [Math.floor(n / outW), n % outW];
    const row = (at: number) =>
      x.lowWeight[i]! * map[at * width + x.low[i]!]! +
      x.highWeight[i]! * map[at * width + x.high[i]!]!;
    return y.lowWeight[j]! * row(y.low[j]!) + y.highWeight[j]! * row(y.high[j]!);
  });
}

Deno.test("resizedCells() sums what resizing up, down and adding would", () => {
  const next = random(6);
  const [width, height, fullW, fullH, cells, size] = [23, 17, 92, 70, 4, 7] as const;
  const map = Float64Array.from({ length: width * height }, next);
  const out = new Float32Array(cells * cells);
  const [y, x] = [
    resizedCells(height, fullH, cells, size),
    resizedCells(width, fullW, cells, size),
  ];
  sumCells(map, width, y, x, 1, out);
  const side = cells * size;
  const target = resize(resize(map, width, height, fullW, fullH), fullW, fullH, side, side);
  const expected = new Float64Array(cells * cells);
  target.forEach((value, n) => {
    const [j, i] = [Math.floor(n / side / size), Math.floor(n % side / size)];
    expected[j * cells + i]! += value;
  });
  out.forEach((sum, n) => assert.ok(Math.abs(sum - expected[n]!) < 1e-4));
});

Deno.test("coveredCells() shares every input out, in whole numbers", () => {
  for (const [input, cells] of [[270, 12], [480, 22], [32, 16], [7, 10], [1, 2]] as const) {
    const { start, weights } = coveredCells(input, cells);
    const shared = new Float64Array(input);
    weights.forEach((run, cell) => {
      assert.equal(run.reduce((a, b) => a + b), input);
      run.forEach((weight, n) => shared[start[cell]! + n]! += weight);
    });
    assert.ok(shared.every((sum) => sum === cells));
  }
});
