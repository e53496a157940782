import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import {
  addDims,
  canonicalDim,
  type Dim,
  divideDim,
  multiplyDims,
  sameCount,
  sameDim,
  scaleDim,
} from "./dims.ts";

Deno.test("sizes of the same value have the same text", () => {
  assert.equal(canonicalDim("T + 1 + T"), "2*T + 1");
  assert.equal(canonicalDim("3 - T*1 + T"), canonicalDim("3 - T*1 + T"));
  assert.equal(canonicalDim("N - N + 4"), 4);
  assert.equal(canonicalDim("-T + 2"), "-T + 2");
  assert.equal(addDims("T", -1), "T - 1");
  assert.equal(addDims("B", "A"), "A + B");
  assert.equal(scaleDim("T - 1", 320), "320*T - 320");
  assert.equal(scaleDim("T", 0), 0);
});

Deno.test("division takes out what is whole and keeps the rest as one term", () => {
  assert.equal(divideDim("8*T + 8", 8), "T + 1");
  assert.equal(divideDim("8*T + 7", 8), "T");
  assert.equal(divideDim("8*T - 1", 8), "T - 1");
  assert.equal(divideDim("T + 5", 4), "floor((T+1)/4) + 1");
  assert.equal(divideDim("8*N + T", 4), "2*N + floor((T)/4)");
  assert.equal(divideDim(17, 4), 4);
  assert.equal(addDims(divideDim("T + 3", 4), scaleDim(divideDim("T + 3", 4), -1)), 0);
});

Deno.test("products compare by their factors", () => {
  assert.equal(multiplyDims([2, "T", 3]), "6*T");
  assert.equal(multiplyDims(["N", "8*T + 8"]), multiplyDims(["T + 1", 8, "N"]));
  assert.ok(sameCount(["N", 32, "T + 1", 8], ["N", 32, "8*T + 8"]));
  assert.ok(sameCount([2, "N", "T"], ["2*N", "T"]));
  assert.ok(sameCount([multiplyDims(["N", "T + 1"])], ["N", "T + 1"]));
  assert.ok(!sameCount(["N", "T"], ["N", "T + 1"]));
  assert.ok(!sameCount(["N", 2], ["N", 3]));
  assert.equal(multiplyDims([]), 1);
  assert.equal(multiplyDims(["T", 0]), 0);
});

/** Value of a size where T is 41 and N is 6. */
function evaluate(dim: Dim): number {
  const text = String(dim).replaceAll("T", "41").replaceAll("N", "6")
    .replaceAll("floor", "Math.floor");
  return Number(new Function(`return ${text}`)());
}

Deno.test("arithmetic on random sizes agrees with arithmetic on numbers", () => {
  const next = random(1);
  const whole = (most: number) => Math.floor(next() * most);
  for (let round = 0; round < 500; round++) {
    let dim: Dim = ["T", "N", 7, "3*T + N"][whole(4)]!;
    let value = evaluate(dim);
    for (let step = 0; step < 6; step++) {
      const n = 1 + whole(9);
      const act = whole(4);
      if (act === 0) [dim, value] = [addDims(dim, n - 5), value + n - 5];
      if (act === 1) [dim, value] = [scaleDim(dim, n), value * n];
      if (act === 2) [dim, value] = [divideDim(dim, n), Math.floor(value / n)];
      if (act === 3) [dim, value] = [addDims(dim, "T"), value + 41];
      assert.equal(evaluate(dim), value, String(dim));
      assert.ok(sameDim(dim, canonicalDim(dim)));
    }
  }
});
