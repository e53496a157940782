import assert from "node:assert/strict";
import { ControlCharts } from "./charts.ts";

/** Charts that have learned the middle 0 and the spread 1.4826. */
function learned(): ControlCharts {
  const charts = new ControlCharts(3);
  for (const value of [-1, 0, 1]) assert.equal(charts.push(value), undefined);
  return charts;
}

Deno.test("the CUSUM stops at 50 and falls from there once the shift is over", () => {
  const charts = learned();
  const grown = Array.from({ length: 30 }, () => charts.push(1000)!.cusum);
  // An outlier adds 4 less the half that is forgiven.
  assert.deepEqual(grown.slice(0, 3), [3.5, 7, 10.5]);
  assert.deepEqual(grown.slice(13, 16), [49, 50, 50]);
  assert.equal(grown.at(-1), 50);
  assert.equal(charts.push(0)!.cusum, 49.5);
});

Deno.test("the CUSUM never falls below 0", () => {
  const charts = learned();
  for (let n = 0; n < 10; n++) assert.equal(charts.push(-1000)!.cusum, 0);
  assert.equal(charts.push(1000)!.cusum, 3.5);
});
