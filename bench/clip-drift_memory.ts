/**
 * What clip-drift holds in memory over 100,000 frames, what five viewers of its page cost, and the
 * same frame through open_clip in PyTorch (skipped where `$PYTHON`, or python3, has no open_clip).
 * Prints JSON.
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import { serveDashboard } from "@vcs/clip-drift/internal";
import { DriftTracker } from "@vcs/clip-drift/drift";
import { Hub } from "@vcs/clip-drift/internal";
import { resizeCrop } from "@vcs/clip-drift/internal";
import { RunFolder } from "@vcs/clip-drift/internal";
import { sceneFrames } from "@vcs/clip-drift/internal";
import type { WatchedFrame } from "@vcs/clip-drift/watch";
import { decodeImage } from "@vcs/media/image";
import type { Session } from "@vcs/onnx/session";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { openRandomClip } from "./clip-drift_model.ts";

const FRAMES = 100_000;
const folder = await Deno.makeTempDir();
const jpeg = await sceneFrames({ quality: 80 })(0);
const megabytes = (bytes: number) => Math.round(bytes / 1e5) / 10;
const round = (x: number, digits = 3) => Number(x.toPrecision(digits));

/** A different embedding for each frame. */
function embeddingOf(index: number): Float32Array {
  return Float32Array.from({ length: 128 }, (_, i) => 1 + Math.sin(index * 0.37 + i));
}

/** How much the process grows over the second half of the frames, when all code is warm. */
async function growth(save: boolean): Promise<number> {
  const config = {
    ...{ streamUrl: "", device: "cpu", model: "", pretrained: "", snapshotInterval: 1e9 },
    ...{ embeddingInterval: 100, rollingWindow: 300 },
  };
  await using run = save ? await RunFolder.create(config, { root: `${folder}/runs` }) : undefined;
  const feed = new Hub(300).add("camera");
  const tracker = new DriftTracker();
  let before = 0;
  for (let index = 0; index < FRAMES; index++) {
    const [embedding, timestamp] = [embeddingOf(index), index / 15];
    const row = tracker.push(embedding, timestamp);
    feed.frame({ index, timestamp, row } as WatchedFrame);
    await run?.write({ index, timestamp, row, embedding, jpeg: () => jpeg });
    if (index === FRAMES / 2) before = Deno.memoryUsage().rss;
  }
  return megabytes(Deno.memoryUsage().rss - before);
}

/** A process that looks at the page with so many viewers. */
function startViewers(url: string, count: number): Deno.ChildProcess {
  const open = `for (let i = 0; i < ${count}; i++) new WebSocket("${url}").onmessage = () => {};`;
  const script = `${open} setInterval(() => {}, 1000);`;
  const args = ["eval", script];
  return new Deno.Command(Deno.execPath(), { args, stdin: "null" }).spawn();
}

/** CPU milliseconds for a second of a camera of 15 fps, with so many viewers. */
async function viewerCost(count: number): Promise<number> {
  const hub = new Hub(300);
  const feed = hub.add("camera");
  await using page = await serveDashboard(hub);
  const viewers = startViewers(`ws://127.0.0.1:${page.port}/live`, count);
  while (hub.viewers < count) await new Promise((resolve) => setTimeout(resolve, 20));
  const row = new DriftTracker().push(embeddingOf(0), 0);
  const before = process.cpuUsage();
  for (let index = 0; index < 45; index++) {
    feed.frame({ index, timestamp: index, row } as WatchedFrame);
    feed.show(jpeg);
    await new Promise((resolve) => setTimeout(resolve, 1000 / 15));
  }
  const { user, system } = process.cpuUsage(before);
  viewers.kill();
  await viewers.status;
  return round((user + system) / 3000);
}

/** Milliseconds of CPU and on the clock. */
interface Times {
  cpu_ms: number;
  wall_ms: number;
}

/** Least times of each thing in a record of them. */
type Least = Record<string, Times>;

/** Least CPU and wall milliseconds of something done again and again. */
async function leastTime(action: () => Promise<unknown>, count = 20): Promise<Times> {
  const least = { cpu_ms: Infinity, wall_ms: Infinity };
  for (let i = 0; i < count + 3; i++) {
    const [before, start] = [process.cpuUsage(), performance.now()];
    await action();
    const { user, system } = process.cpuUsage(before);
    if (i < 3) continue;
    least.cpu_ms = Math.min(least.cpu_ms, (user + system) / 1000);
    least.wall_ms = Math.min(least.wall_ms, performance.now() - start);
  }
  return least;
}

/** An image as the model takes it. */
async function pixelsOf(): Promise<Tensor> {
  return tensor("U8", [1, 224, 224, 3], resizeCrop(await decodeImage(jpeg), 224));
}

async function embed(session: Session): Promise<Float32Array> {
  const { embedding } = await session.run({ pixels: await pixelsOf() });
  return embedding!.data as Float32Array;
}

/** The model alone, a frame from JPEG to embedding, and batches of more cameras' frames. */
async function frameTimes(session: Session, batches: readonly number[]): Promise<Least> {
  const pixels = await pixelsOf();
  let next = pixelsOf();
  const times: Least = {
    model: await leastTime(() => session.run({ pixels })),
    frame: await leastTime(() => embed(session)),
    // The next image is decoded while the model runs.
    frame_overlapped: await leastTime(async () => {
      const current = await next;
      next = pixelsOf();
      await session.run({ pixels: current });
    }),
  };
  await next;
  for (const size of batches) {
    const batch = tensor("U8", [size, 224, 224, 3]);
    times[`batch_${size}`] = await leastTime(() => session.run({ pixels: batch }), 8);
  }
  return times;
}

/** open_clip on the same frame; undefined where it is not installed. */
async function openClip(threads: number, batches: readonly number[]) {
  const path = `${folder}/frame.jpg`;
  await Deno.writeFile(path, jpeg);
  const script = join(import.meta.dirname!, "clip-drift_torch.py");
  const command = new Deno.Command(Deno.env.get("PYTHON") ?? "python3", {
    args: [script, path, String(threads), ...batches.map(String)],
    stderr: "null",
  });
  const { success, stdout } = await command.output();
  if (!success) return undefined;
  // Imports may print lines of their own before.
  const { open_clip, torch, ...times } = JSON.parse(
    new TextDecoder().decode(stdout).trim().split("\n").at(-1)!,
  ) as Least & { open_clip: string; torch: string };
  return { open_clip, torch, times: times as Least };
}

/** The lesser of two records, thing by thing. */
function lesser(a: Least | undefined, b: Least): Least {
  return Object.fromEntries(
    Object.entries(b).map(([name, { cpu_ms, wall_ms }]) => [name, {
      cpu_ms: round(Math.min(cpu_ms, a?.[name]?.cpu_ms ?? Infinity)),
      wall_ms: round(Math.min(wall_ms, a?.[name]?.wall_ms ?? Infinity)),
    }]),
  );
}

/** Rounds in which ours and theirs take turns, so that both meet the machine's quiet moments. */
const ROUNDS = 3;

/** Times of ours and of open_clip with so many threads. */
async function compared(threads: number, batches: readonly number[]) {
  using fp32 = await openRandomClip(folder, "fp32", { threads });
  using int8 = await openRandomClip(folder, "int8", { threads });
  const least: Record<string, Least> = {};
  let versions: Record<string, string> = {};
  for (let round = 0; round < ROUNDS; round++) {
    least.fp32 = lesser(least.fp32, await frameTimes(fp32, batches));
    least.int8 = lesser(least.int8, await frameTimes(int8, batches));
    const theirs = await openClip(threads, batches);
    if (theirs === undefined) continue;
    const { times, ...rest } = theirs;
    least.open_clip = lesser(least.open_clip, times);
    versions = rest;
  }
  return { ...least, versions };
}

try {
  const grew = {
    frames: FRAMES,
    mb_without_saving: await growth(false),
    mb_saving: await growth(true),
  };
  const cost = { none: await viewerCost(0), five: await viewerCost(5) };
  const frame = { threads_1: await compared(1, []), threads_2: await compared(2, [2, 4, 8]) };
  const result = { growth: grew, page_cpu_ms_per_second: cost, frame };
  await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(result)}\n`));
} finally {
  await Deno.remove(folder, { recursive: true });
}
