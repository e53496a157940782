/**
 * Sampling, processing and both together, beside the ffmpeg command that decodes the same frames
 * and whose output is read through a pipe: a film that is made here, then clips of the shared
 * folder where it is there. `-- --device cuda` decodes and processes on a GPU, too.
 * `bench/patch-stream_memory.ts` measures memory.
 */
import { hasPrograms, hasShared, sharedPath } from "#testing/shared.ts";
import { decodeOnly } from "@vcs/patch-stream/decode_only";
import { patchStream } from "@vcs/patch-stream/patch_stream";
import type { EnergyMode } from "@vcs/patch-stream";
import type { ProcessPlan, ProcessStage } from "@vcs/patch-stream/internal";
import { openCpuStage, planGrid } from "@vcs/patch-stream/internal";
import { openGpuStage } from "../packages/patch-stream/process/gpu.ts";
import { fileURLToPath } from "node:url";
import { benchDevices, nameOn } from "./devices.ts";
import { madeClip } from "./made_clips.ts";
import { isQuick, sized } from "./quick.ts";

const clip = (name: string) => sharedPath(`data/video/${name}`);
const hd = clip("cps_demo_1080p_h264_bframes.mp4");
const long = clip("bottle_static_40s.mp4");
const hasFfmpeg = hasPrograms("ffmpeg");
const hasClips = hasShared && !isQuick;
const FRAMES = sized(96, 24);
const HEIGHT = sized(720, 360);
const film = await madeClip({ width: HEIGHT * 16 / 9, height: HEIGHT, frames: FRAMES });
const gpus = (await benchDevices()).filter((device) => device !== "cpu");
const hasNvdec = gpus.some((device) => device.startsWith("cuda"));

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

type Job = [name: string, run: () => Promise<unknown>];

/** Jobs of a group; the program of FFmpeg and the shared folder may be missing. */
function compare(group: string, n: number, jobs: readonly Job[], isHere = true): void {
  for (const [i, [name, fn]] of jobs.entries()) {
    const ignore = !isHere || ((!hasFfmpeg || isQuick) && name === "ffmpeg command");
    const run = async () => void await fn();
    Deno.bench(name, { group, baseline: i === 0, ignore, n, warmup: 2 }, run);
  }
}

const decode = (videoPath: string, sequenceLength = 16) =>
  decodeOnly({ videoPath, sequenceLength, readerCacheSize: 0 });

async function patches(videoPath: string, energy: EnergyMode, isGpu = false): Promise<void> {
  const backends = { decodeBackend: "gpu", processBackend: "gpu" } as const;
  const config = { videoPath, readerCacheSize: 0, energy, ...isGpu ? backends : {} };
  (await patchStream(config)).close();
}

/** What is done with 16 frames of a clip. */
const jobsOf = (path: string, count: number, modes: readonly EnergyMode[]): Job[] => [
  ["ffmpeg command", () => ffmpeg(path, select(count))],
  ["decodeOnly", () => decode(path)],
  ...modes.map((mode): Job => [`patchStream, ${mode}`, () => patches(path, mode)]),
  ...hasNvdec
    ? modes.map((mode): Job => [`patchStream, ${mode}, GPU`, () => patches(path, mode, true)])
    : [],
];

const ofFilm = `${FRAMES} frames, made film, ${HEIGHT}p`;
compare(`16 of ${ofFilm}`, 8, jobsOf(film, FRAMES, ["blocksad", "reference"]));
compare(`all ${ofFilm}`, 5, [
  ["ffmpeg command", () => ffmpeg(film, "")],
  ["decodeOnly", () => decode(film, FRAMES)],
]);

const modes = ["blocksad", "reference", "codec"] as const;
compare("16 of 115 frames, 1080p", 8, jobsOf(hd, 115, modes), hasClips);
compare("16 of 1,189 frames, 360p", 8, jobsOf(long, 1189, ["blocksad"]), hasClips);
compare("all 115 frames, 1080p", 5, [
  ["ffmpeg command", () => ffmpeg(hd, "")],
  ["decodeOnly", () => decode(hd, 115)],
], hasClips);

/** Frames of the film in memory that threads can share, so that they can be used again. */
async function sharedFrames(): Promise<{ width: number; height: number; frames: Uint8Array[] }> {
  const { frames, width, height } = await decode(film);
  const size = 3 * width * height;
  const shared = Array.from({ length: 16 }, (_, n) => {
    const frame = new Uint8Array(new SharedArrayBuffer(size));
    frame.set(frames.data.subarray(n * size, (n + 1) * size));
    return frame;
  });
  return { width, height, frames: shared };
}

const { width, height, frames } = await sharedFrames();

type Open = (plan: ProcessPlan) => ProcessStage | Promise<ProcessStage>;

/** From 16 frames in memory to their scores and resized pixels, threads started and ended. */
async function process(energy: EnergyMode, open: Open): Promise<void> {
  const samples = frames.map((_, n) => n);
  const grid = planGrid(width, height);
  const plan: ProcessPlan = {
    ...{ width, height, samples, grid, energy },
    ...{ energyPct: 95, compensate: true, antialias: false, change: false },
  };
  await using stage = await open(plan);
  for (const [number, data] of frames.entries()) await stage.add({ number, data });
  await stage.finish();
}

const threads = (count: number): Open => (plan) => openCpuStage(plan, { threads: count });

compare(
  `processing of 16 frames, ${HEIGHT}p`,
  20,
  (["blocksad", "reference"] as const).flatMap((energy): Job[] => [
    [`${energy}, one thread`, () => process(energy, threads(1))],
    [`${energy}, two threads`, () => process(energy, threads(2))],
    ...gpus.map((device): Job => [
      nameOn(energy, device),
      () => process(energy, (plan) => openGpuStage(plan, device)),
    ]),
  ]),
);

const command = fileURLToPath(new URL("../packages/patch-stream/mod.ts", import.meta.url));
const start = (...args: string[]) => new Deno.Command(Deno.execPath(), { args }).output();

compare("start", 10, [
  ["deno with an empty program", () => start("eval", "")],
  ["patch-stream --help", () => start("run", "-A", "--no-check", command, "--help")],
]);
