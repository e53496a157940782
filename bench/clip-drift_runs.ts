/**
 * What runs cost, in one process: bytes of a day of a camera at 15 fps, from a short run and
 * calculated; the first plot of a made-up run of seven days beside one of an hour, in a browser and as
 * the page's server answers it; and the peak of `loadRunEmbeddings` beside what it gives. Kept as `runs` in
 * `bench/results/clip-drift.json`.
 *
 * @module
 */
import { join } from "node:path";
import { loadRunEmbeddings } from "@vcs/clip-drift";
import { DriftTracker, type FrameRow } from "@vcs/clip-drift/drift";
import {
  Hub,
  levelFile,
  LEVELS,
  RunFolder,
  type RunFrame,
  RunLevels,
  sceneFrames,
  serveDashboard,
} from "@vcs/clip-drift/internal";
import { openBrowser, openPage } from "#testing/browser.ts";
import { print } from "@vcs/transport/internal";

const FPS = 15;
const HOUR = 3600 * FPS;
const WIDTH = 512;
const START = Date.UTC(2026, 0, 5) / 1000;
const root = await Deno.makeTempDir();
const round = (x: number, digits = 3) => Number(x.toPrecision(digits));
const jpeg = await sceneFrames({ quality: 80 })(0);

/** Embeddings of unit length near a view, as those of a still camera with noise are. */
function embeddingOf(index: number): Float32Array {
  const view = Float32Array.from(
    { length: WIDTH },
    (_, i) => Math.sin(i * 1.7) + 0.1 * Math.sin(index * 12.9898 + i * 78.233),
  );
  const norm = Math.hypot(...view);
  return view.map((x) => x / norm);
}

const PICTURE = { dark: 0.1, covered: 0, blurred: 0.05, moved: 0.4, turned: 0.1, frozen: 0 };

function* frames(count: number): Generator<RunFrame> {
  const tracker = new DriftTracker();
  for (let index = 0; index < count; index++) {
    const [embedding, timestamp] = [embeddingOf(index), START + index / FPS];
    const row: FrameRow = { ...tracker.push(embedding, timestamp), ...PICTURE };
    yield { index, timestamp, embedding, row, jpeg: () => jpeg };
  }
}

/** Bytes below a path. */
async function bytesOf(path: string): Promise<number> {
  const { isDirectory, size } = await Deno.stat(path);
  if (!isDirectory) return size;
  let sum = 0;
  for await (const { name } of Deno.readDir(path)) sum += await bytesOf(join(path, name));
  return sum;
}

const NONE = { count: 0, mean: null, std: null, min: null, max: null };

/** Writes a run, and gives its path. */
async function written(count: number): Promise<string> {
  const config = {
    ...{ streamUrl: "", device: "cpu", model: "ViT-B-32", pretrained: "openai" },
    ...{ snapshotInterval: 30, embeddingInterval: 100, rollingWindow: 300 },
  };
  await using run = await RunFolder.create(config, { root });
  for (const frame of frames(count)) await run.write(frame);
  await run.finish({ frames: count, seconds: count / FPS, similarity: NONE, counters: {} });
  return run.path;
}

/** Megabytes of a day by what they are of, from five minutes. */
async function megabytesADay(): Promise<Record<string, number>> {
  const minutes = 5;
  const run = await written(minutes * 60 * FPS);
  const parts: Record<string, string[]> = {
    embeddings: ["embeddings"],
    measures: ["drift.csv", "metrics.csv"],
    summaries: LEVELS.map(levelFile),
    snapshots: ["snapshots"],
  };
  const found: Record<string, number> = {};
  for (const [name, paths] of Object.entries(parts)) {
    const sizes = await Promise.all(paths.map((path) => bytesOf(join(run, path))));
    const bytes = sizes.reduce((a, b) => a + b, 0);
    found[name] = round(bytes * 24 * 60 / minutes / 1e6);
  }
  return found;
}

/**
 * A run of so many hours: its summaries, snapshots and events. There are no files of its frames, which
 * the page does not read of such runs.
 */
async function madeUp(name: string, hours: number): Promise<void> {
  const run = join(root, name);
  await Deno.mkdir(join(run, "snapshots"), { recursive: true });
  const sample = [...frames(300)];
  const small = await sceneFrames({ width: 32, height: 24 })(0);
  await using levels = await RunLevels.create(run);
  for (let index = 0; index < hours * HOUR; index++) {
    const { row } = sample[index % sample.length]!;
    await levels.add({ ...sample[0]!, row, index, timestamp: START + index / FPS });
    if (index % (30 * FPS) !== 0) continue;
    const file = `frame_${String(index).padStart(6, "0")}.jpg`;
    await Deno.writeFile(join(run, "snapshots", file), small);
  }
  await levels.finish();
  const alert = { type: "alert", rule: "scene", metric: "cut", value: 0.5, threshold: 0.4 };
  const events = Array.from(
    { length: 3 * hours },
    (_, i) => `${JSON.stringify({ ...alert, time: START + 1200 * i, frame: 1200 * FPS * i })}\n`,
  );
  await Deno.writeTextFile(join(run, "events.jsonl"), events.join(""));
}

/** Milliseconds until the server has answered with what a plot needs, to so many who ask at once. */
async function answered(url: string, run: string, viewers = 1): Promise<number> {
  const start = performance.now();
  const ask = async () => await (await fetch(new URL(`/api/runs/${run}`, url))).json();
  const answers = await Promise.all(Array.from({ length: viewers }, ask));
  const took = performance.now() - start;
  if (answers.some(({ curves }) => curves[0].times.length < 300)) throw new Error("no plot");
  return took;
}

/** Milliseconds in a page from the choice of a run until its plot is drawn. */
const drawn = (run: string) =>
  `new Promise((resolve) => {
  const start = performance.now();
  const observer = new MutationObserver(() => {
    const isThere = document.querySelector("#run h2")?.textContent.includes("${run}") &&
      document.querySelector("#run canvas");
    if (!isThere) return;
    observer.disconnect();
    // The plot is drawn when its element is there and the script has ended; that it is shown with the
    // screen's next frame would make all times more alike.
    setTimeout(() => resolve(performance.now() - start));
  });
  observer.observe(document.getElementById("run"), { childList: true, subtree: true });
  document.querySelector('[data-run="${run}"]').click();
})`;

const ROUNDS = 21;

/** Runs of an hour and of seven days in turn: medians of their first plots. */
async function plots(): Promise<Record<string, number>> {
  const [hour, week] = ["20260105_000000", "20260112_000000"] as const;
  await madeUp(hour, 1);
  await madeUp(week, 7 * 24);
  await using server = await serveDashboard(new Hub(1), { runs: root });
  const { url } = server;
  await using browser = await openBrowser();
  const page = await openPage(browser, { viewport: { width: 1280, height: 900 }, bypassCSP: true });
  await page.goto(`${url}#runs`);
  await page.waitForSelector(`[data-run="${week}"]`);
  const show = async (run: string) => {
    const took = await page.evaluate(drawn(run)) as number;
    await page.waitForSelector("#run .strip");
    return took;
  };
  const rows: number[][] = [];
  for (let i = 0; i < ROUNDS; i++) {
    rows.push([
      ...[await show(hour), await show(week)],
      ...[await answered(url, hour), await answered(url, week), await answered(url, week, 10)],
    ]);
  }
  const median = (at: number) => rows.map((row) => row[at]!).sort((a, b) => a - b)[ROUNDS >> 1]!;
  return {
    ...{ hour_ms: round(median(0)), week_ms: round(median(1)) },
    week_to_hour: round(median(1) / median(0)),
    ...{ hour_answer_ms: round(median(2)), week_answer_ms: round(median(3)) },
    week_to_hour_answer: round(median(3) / median(2)),
    ten_viewers_answer_ms: round(median(4)),
  };
}

/** Peak of a process that loads a run's embeddings, above one that loads few, to what it gives. */
async function loading(): Promise<Record<string, number>> {
  const run = await written(2 * HOUR);
  const before = Deno.memoryUsage().rss;
  let peak = before;
  const timer = setInterval(() => peak = Math.max(peak, Deno.memoryUsage().rss), 5);
  const { embeddings, timestamps, frameIndices } = await loadRunEmbeddings(run);
  clearInterval(timer);
  peak = Math.max(peak, Deno.memoryUsage().rss);
  const given = embeddings.data.byteLength + timestamps.byteLength + frameIndices.byteLength;
  return { given_mb: round(given / 1e6), peak_mb: round((peak - before) / 1e6) };
}

const bytes = await megabytesADay();
const runs = { megabytes_a_day: bytes, first_plot: await plots(), embeddings: await loading() };
await Deno.remove(root, { recursive: true });
const path = new URL("results/clip-drift.json", import.meta.url);
const results = JSON.parse(await Deno.readTextFile(path));
await Deno.writeTextFile(path, `${JSON.stringify({ ...results, runs }, null, 2)}\n`);
print(JSON.stringify(runs));
