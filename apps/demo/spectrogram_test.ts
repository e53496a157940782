import assert from "node:assert/strict";
import { spectrogram } from "./spectrogram.ts";

/** The row of each column that has the most light. */
function brightestRows(samples: Float32Array): number[] {
  const { width, height, data } = spectrogram(samples);
  const light = (x: number, y: number) =>
    [0, 1, 2].reduce((sum, c) => sum + data[3 * (y * width + x) + c]!, 0);
  return Array.from({ length: width }, (_, x) => {
    const rows = Array.from({ length: height }, (_, y) => light(x, y));
    return rows.indexOf(Math.max(...rows));
  });
}

const tone = (hertz: number) =>
  Float32Array.from({ length: 24000 }, (_, n) => 0.3 * Math.sin(2 * Math.PI * hertz * n / 24000));

Deno.test("a tone is one bright line, the higher the tone the higher the line", () => {
  const rows = [300, 1000, 3000, 9000].map((hertz) => brightestRows(tone(hertz)).slice(20, -20));
  const middles = rows.map((row) => row[row.length >> 1]!);
  assert.deepEqual(middles, middles.toSorted((a, b) => b - a));
  assert.equal(new Set(middles).size, 4);
  rows.forEach((row, n) => assert.ok(row.every((y) => Math.abs(y - middles[n]!) <= 2)));
});

Deno.test("silence is dark", () => {
  const { data } = spectrogram(new Float32Array(24000));
  assert.ok(data.every((value) => value < 30));
});
