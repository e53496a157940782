/** Measures the drift of embeddings that change in the middle. */
import { DriftTracker } from "@vcs/clip-drift/drift";
import { type Entry, noise, rounded, same } from "./check.ts";

const [SIZE, FRAMES, CUT] = [64, 120, 80];

function embedding(frame: number): Float32Array {
  const scene = noise(SIZE, frame < CUT ? 1 : 2);
  const jitter = noise(SIZE, 100 + frame);
  return Float32Array.from(scene, (value, i) => value - 128 + jitter[i]! / 64);
}

const run: Entry = () => {
  const tracker = new DriftTracker({ mmdWindow: 16 });
  const rows = Array.from({ length: FRAMES }, (_, i) => tracker.push(embedding(i), i / 10));
  const largest = rows.reduce((best, row, i) => row.drift > rows[best]!.drift ? i : best, 0);
  same(largest, CUT, "the frame of the cut");
  const figures = (row: object) =>
    Object.values(row).map((value) => typeof value === "number" ? rounded(value) : null);
  return Promise.resolve(rows.map(figures));
};

export default run;
