import assert from "node:assert/strict";
import { RunSeries } from "./series.ts";
import { loadRunEmbeddings, readRun } from "./reader.ts";
import { RunFolder, type RunFrame } from "./writer.ts";

const CONFIG = {
  ...{ streamUrl: "", device: "cpu", model: "gist", pretrained: "none" },
  ...{ snapshotInterval: 1e9, embeddingInterval: 10, rollingWindow: 300 },
};

/** Half past eleven at night, by the local clock. */
const LATE = new Date(2026, 0, 1, 23, 30).getTime() / 1000;

function frame(index: number, timestamp: number): RunFrame {
  const similarity = index === 0 ? 1 : 0.5 + index / 100;
  return {
    ...{ index, timestamp, embedding: Float32Array.of(index, 1) },
    row: { similarity, drift: 1 - similarity } as RunFrame["row"],
    jpeg: () => new Uint8Array(3),
  };
}

Deno.test("a series has a folder a day, each with its own summary, and misses no frame", async () => {
  const root = await Deno.makeTempDir();
  const counters = { alerts: 0 };
  const paths: string[] = [];
  const series = await RunSeries.open(async () => {
    const run = await RunFolder.create(CONFIG, { root });
    paths.push(run.path);
    return run;
  }, () => ({ ...counters }));
  for (let index = 0; index < 30; index++) {
    if (index % 6 === 0) counters.alerts++;
    await series.write(frame(index, LATE + index * 180));
    await series.event({ index });
  }
  await series.finish({
    ...{ frames: 30, seconds: 1, counters },
    similarity: { count: 0, mean: null, std: null, min: null, max: null },
  });
  await series[Symbol.asyncDispose]();
  assert.equal(paths.length, 2);
  const runs = await Promise.all(paths.map(readRun));
  assert.deepEqual(runs.map(({ drift }) => drift.length), [10, 20]);
  assert.deepEqual(runs[1]!.drift[0]!.index, 10);
  const [first, second] = runs.map(({ summary }) => summary as Record<string, number>);
  assert.deepEqual([first!.total_frames, second!.total_frames], [10, 20]);
  assert.deepEqual([first!.alerts, second!.alerts], [2, 3]);
  assert.deepEqual([first!.duration_s, second!.duration_s], [9 * 180, 19 * 180]);
  const { mean, min, max } = second!.similarity as unknown as Record<string, number>;
  assert.ok(Math.abs(mean! - (0.5 + 0.2)) < 1e-9, `${mean}`);
  assert.deepEqual([min, max], [0.61, 0.79]);
  const embeddings = await Promise.all(paths.map(loadRunEmbeddings));
  assert.deepEqual(embeddings.map(({ frameIndices }) => frameIndices.length), [10, 20]);
  await Deno.remove(root, { recursive: true });
});

Deno.test("a series of one day is as a run", async () => {
  const root = await Deno.makeTempDir();
  const series = await RunSeries.open(() => RunFolder.create(CONFIG, { root }), () => ({}));
  await series.write(frame(0, LATE));
  const similarity = { count: 1, mean: 0.5, std: 0, min: 0.5, max: 0.5 };
  await series.finish({ frames: 7, seconds: 3, counters: { alerts: 4 }, similarity });
  await series[Symbol.asyncDispose]();
  const summary = (await readRun(series.path)).summary as Record<string, unknown>;
  assert.deepEqual([summary.total_frames, summary.duration_s, summary.alerts], [7, 3, 4]);
  await Deno.remove(root, { recursive: true });
});

Deno.test("a day for which no folder can be made goes on in the one before", async () => {
  const root = await Deno.makeTempDir();
  let made = 0;
  const series = await RunSeries.open(async () => {
    if (made++ > 0) throw new Error("disk full");
    return await RunFolder.create(CONFIG, { root });
  }, () => ({}));
  const before = series.path;
  await series.write(frame(0, LATE));
  await series.write(frame(1, LATE + 7200));
  assert.equal(series.path, before);
  await series[Symbol.asyncDispose]();
  assert.equal((await readRun(before)).drift.length, 2);
  await Deno.remove(root, { recursive: true });
});

Deno.test("embeddings are kept of every so many frames, or of none", async () => {
  const root = await Deno.makeTempDir();
  for (const [embeddingEvery, expected] of [[1, 12], [5, 3], [0, 0]] as const) {
    const run = await RunFolder.create({ ...CONFIG, embeddingEvery }, { root });
    for (let index = 0; index < 12; index++) await run.write(frame(index, LATE + index));
    const similarity = { count: 0, mean: null, std: null, min: null, max: null };
    await run.finish({ frames: 12, seconds: 1, counters: {}, similarity });
    await run[Symbol.asyncDispose]();
    const { frameIndices } = await loadRunEmbeddings(run.path);
    assert.equal(frameIndices.length, expected);
    if (embeddingEvery === 5) assert.deepEqual([...frameIndices], [0, 5, 10]);
  }
  await Deno.remove(root, { recursive: true });
});
