/**
 * Sampling, processing and both together, beside the ffmpeg command that decodes the same frames
 * and whose output is read through a pipe. Clips of the shared folder.
 * `bench/patch-stream_memory.ts` measures memory.
 */
import { hasPrograms, hasShared, sharedPath } from "#testing/shared.ts";
import { decodeOnly } from "@vcs/patch-stream/decode_only";
import { patchStream } from "@vcs/patch-stream/patch_stream";
import type { EnergyMode } from "@vcs/patch-stream";
import type { ProcessPlan } from "@vcs/patch-stream/internal";
import { openCpuStage, planGrid } from "@vcs/patch-stream/internal";
import { fileURLToPath } from "node:url";

const clip = (name: string) => sharedPath(`data/video/${name}`);
const hd = clip("cps_demo_1080p_h264_bframes.mp4");
const long = clip("bottle_static_40s.mp4");
const ignore = !hasShared || !hasPrograms("ffmpeg");

/** Runs ffmpeg and reads all that it writes. */
async function ffmpeg(path: string, filter: string): Promise<void> {
  const command = new Deno.Command("ffmpeg", {
    args: ["-v", "error", "-nostdin", "-i", path, "-vf", `${filter}scale=flags=bilinear`]
      .concat("-pix_fmt", "rgb24", "-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1"),
    stdout: "piped",
  });
  await using child = command.spawn();
  for await (const _ of child.stdout);
}

/** ffmpeg's filter for 16 frames spread over a video. */
function select(count: number): string {
  const ids = Array.from({ length: 16 }, (_, i) => Math.floor(i * (count - 1) / 15));
  return `select='${ids.map((id) => `eq(n,${id})`).join("+")}',`;
}

function compare(group: string, n: number, jobs: [string, () => Promise<unknown>][]): void {
  for (const [i, [name, fn]] of jobs.entries()) {
    const run = async () => void await fn();
    Deno.bench(name, { group, baseline: i === 0, ignore, n, warmup: 2 }, run);
  }
}

const decode = (videoPath: string, sequenceLength = 16) =>
  decodeOnly({ videoPath, sequenceLength, readerCacheSize: 0 });

async function patches(videoPath: string, energy: EnergyMode): Promise<void> {
  (await patchStream({ videoPath, readerCacheSize: 0, energy })).close();
}

compare("16 of 115 frames, 1080p", 8, [
  ["ffmpeg command", () => ffmpeg(hd, select(115))],
  ["decodeOnly", () => decode(hd)],
  ["patchStream, blocksad", () => patches(hd, "blocksad")],
  ["patchStream, reference", () => patches(hd, "reference")],
  ["patchStream, codec", () => patches(hd, "codec")],
]);

compare("16 of 1,189 frames, 360p", 8, [
  ["ffmpeg command", () => ffmpeg(long, select(1189))],
  ["decodeOnly", () => decode(long)],
  ["patchStream, blocksad", () => patches(long, "blocksad")],
]);

compare("all 115 frames, 1080p", 5, [
  ["ffmpeg command", () => ffmpeg(hd, "")],
  ["decodeOnly", () => decode(hd, 115)],
]);

/** Frames of the 1080p clip in memory that threads can share, so that they can be used again. */
async function sharedFrames(): Promise<{ width: number; height: number; frames: Uint8Array[] }> {
  const { frames, width, height } = await decode(hd);
  const size = 3 * width * height;
  const shared = Array.from({ length: 16 }, (_, n) => {
    const frame = new Uint8Array(new SharedArrayBuffer(size));
    frame.set(frames.data.subarray(n * size, (n + 1) * size));
    return frame;
  });
  return { width, height, frames: shared };
}

const source = ignore ? undefined : await sharedFrames();

/** From 16 frames in memory to their scores and resized pixels, threads started and ended. */
async function process(energy: EnergyMode, threads: number): Promise<void> {
  const { width, height, frames } = source!;
  const samples = frames.map((_, n) => n);
  const grid = planGrid(width, height);
  const plan: ProcessPlan = {
    ...{ width, height, samples, grid, energy },
    ...{ energyPct: 95, compensate: true, antialias: false, change: false },
  };
  await using stage = openCpuStage(plan, { threads });
  for (const [number, data] of frames.entries()) await stage.add({ number, data });
  await stage.finish();
}

compare("processing of 16 frames, 1080p", 20, [
  ["blocksad, one thread", () => process("blocksad", 1)],
  ["blocksad, two threads", () => process("blocksad", 2)],
  ["reference, one thread", () => process("reference", 1)],
  ["reference, two threads", () => process("reference", 2)],
]);

const command = fileURLToPath(new URL("../packages/patch-stream/mod.ts", import.meta.url));
const start = (...args: string[]) => new Deno.Command(Deno.execPath(), { args }).output();

compare("start", 10, [
  ["deno with an empty program", () => start("eval", "")],
  ["patch-stream --help", () => start("run", "-A", "--no-check", command, "--help")],
]);
