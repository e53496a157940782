import assert from "node:assert/strict";
import { latencyLine, latencyOf, Series } from "./statistics.ts";

Deno.test("statistics: percentiles of the last thousand, mean and maximum of all", () => {
  const series = new Series();
  assert.deepEqual(series.summary(), { count: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 });
  for (let i = 0; i < 5000; i++) series.add(i === 10 ? 1e6 : i % 1000);
  const { count, p50, p90, p99, max } = series.summary();
  assert.deepEqual({ count, p50, p90, p99, max }, {
    count: 5000,
    p50: 499,
    p90: 899,
    p99: 989,
    max: 1e6,
  });
});

Deno.test("statistics: the latency report shows each term, their sum and what was measured", () => {
  const latency = latencyOf({
    fill: 17 / 24,
    encode: 0.15,
    transfer: 0.002,
    decode: 0.05,
    hold: 0.1,
    measured: 1.02,
  });
  assert(Math.abs(latency.expected - 1.0103) < 1e-4);
  assert.equal(
    latencyLine(latency),
    "0.708 fill + 0.150 encode + 0.002 transfer + 0.050 decode + 0.100 hold = 1.010 s, measured 1.020 s",
  );
});
