import assert from "node:assert/strict";
import { meterLine, summary } from "./report.ts";

Deno.test("meterLine() fills 40 columns at a drift of 0.2", () => {
  assert.equal(meterLine(7, 0), `Frame      7: [${" ".repeat(40)}] 0.0000`);
  assert.equal(
    meterLine(123456, 0.1),
    `Frame 123456: [${"=".repeat(19)}>${" ".repeat(20)}] 0.1000`,
  );
  assert.match(meterLine(7, 0, "a cat"), /0\.0000 a cat$/);
  assert.equal(meterLine(1, 0.9), `Frame      1: [${"=".repeat(39)}>] 0.9000`);
});

Deno.test("summary() names broken frames and the run folder only if there are any", () => {
  const similarity = { count: 3, mean: 0.9, std: 0.05, min: 0.8, max: 1 };
  const totals = { frames: 4, seconds: 2, similarity, counters: {} };
  assert.equal(
    summary(totals, undefined),
    "Total frames: 4\nDuration: 2.0s\nAverage FPS: 2.0\nMean similarity: 0.9000 (std 0.0500)\n" +
      "Min similarity: 0.8000\nMax similarity: 1.0000",
  );
  const counters = { truncated_frames: 1, decode_errors: 2 };
  assert.match(
    summary({ ...totals, seconds: 0, counters }, "runs/x"),
    /^Average FPS: 0.0\n(.*\n)*Broken frames: 3\nOutput: runs\/x$/m,
  );
});

Deno.test("summary() says how many frames were left out, and why", () => {
  const similarity = { count: 3, mean: 0.9, std: 0.05, min: 0.8, max: 1 };
  const counters = { dropped_frames: 12, limited_frames: 4 };
  assert.match(
    summary({ frames: 36, seconds: 2, similarity, counters }, undefined),
    /^Dropped for later frames: 12 \(25\.0 %\)\nDropped by --max-fps: 4 \(10\.0 %\)$/m,
  );
});
