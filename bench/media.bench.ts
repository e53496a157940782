/**
 * Reading video and audio, from opening the file to pixels or samples in memory, beside the ffmpeg
 * command that does the same work and whose output is read through a pipe. Clips of the shared
 * folder. `bench/media_memory.ts` measures memory.
 */
import { hasPrograms, hasShared, sharedPath } from "#testing/shared.ts";
import { decodeAudio } from "@vcs/media/audio";
import { VideoReader, type VideoReaderOptions } from "@vcs/media/video_reader";

const clip = (name: string) => sharedPath(`data/video/${name}`);
const hd = clip("cps_demo_1080p_h264_bframes.mp4");
const long = clip("bottle_static_40s.mp4");
const medium = clip("cockatoo_yuv420.mp4");
const flac = sharedPath("data/audio/jfk_44k_stereo.flac");
const ignore = !hasShared || !hasPrograms("ffmpeg", "ffprobe");

/** Runs ffmpeg and reads all that it writes. */
async function ffmpeg(path: string, ...args: string[]): Promise<void> {
  const command = new Deno.Command("ffmpeg", {
    args: ["-v", "error", "-nostdin", "-i", path, ...args, "pipe:1"],
    stdout: "piped",
    stderr: "inherit",
  });
  await using child = command.spawn();
  let total = 0;
  for await (const { length } of child.stdout) total += length;
  if (total === 0) throw new Error(`ffmpeg gave nothing for ${path}`);
}

function frames(path: string, filter: string): Promise<void> {
  return ffmpeg(path, "-vf", filter, "-fps_mode", "passthrough", "-f", "rawvideo");
}

/** Numbers of 16 frames spread over a video. */
const spread = (count: number) =>
  Array.from({ length: 16 }, (_, i) => Math.floor(i * (count - 1) / 15));

const select = (count: number) => `select='${spread(count).map((n) => `eq(n,${n})`).join("+")}'`;

async function some(path: string, options: VideoReaderOptions = {}): Promise<void> {
  await using video = await VideoReader.open(path, { indexCacheSize: 0, ...options });
  for await (const _ of video.framesAt(spread(video.index.length)));
}

async function all(path: string, options: VideoReaderOptions = {}): Promise<void> {
  await using video = await VideoReader.open(path, { indexCacheSize: 0, ...options });
  for await (const _ of video.frames());
}

function compare(group: string, jobs: [string, () => Promise<void>][]): void {
  for (const [i, [name, fn]] of jobs.entries()) {
    // Only a function that is written as async is awaited.
    const job = async () => await fn();
    Deno.bench(name, { group, baseline: i === 0, ignore, n: 6, warmup: 1 }, job);
  }
}

const rgb = "scale=flags=bilinear,format=rgb24";
const thumb = "scale=224:224:flags=bilinear,format=rgb24";
const small = { size: { width: 224, height: 224 } };

compare("16 of 115 frames, 1080p H.264, RGB", [
  ["ffmpeg command", () => frames(hd, `${select(115)},${rgb}`)],
  ["VideoReader, node-av", () => some(hd, { backend: "node-av" })],
  ["VideoReader, ffmpeg", () => some(hd, { backend: "ffmpeg" })],
]);

compare("16 of 1,189 frames, 360p H.264, RGB", [
  ["ffmpeg command", () => frames(long, `${select(1189)},${rgb}`)],
  ["VideoReader, node-av", () => some(long, { backend: "node-av" })],
  ["VideoReader, ffmpeg", () => some(long, { backend: "ffmpeg" })],
]);

compare("all 115 frames, 1080p H.264, RGB", [
  ["ffmpeg command", () => frames(hd, rgb)],
  ["VideoReader, node-av", () => all(hd, { backend: "node-av" })],
  ["VideoReader, ffmpeg", () => all(hd, { backend: "ffmpeg" })],
]);

compare("all 280 frames, 720p H.264, RGB 224x224", [
  ["ffmpeg command", () => frames(medium, thumb)],
  ["VideoReader, node-av", () => all(medium, { backend: "node-av", ...small })],
  ["VideoReader, ffmpeg", () => all(medium, { backend: "ffmpeg", ...small })],
]);

const speech = { sampleRate: 24000, channels: 1 };

compare("11 s of FLAC to 24 kHz mono", [
  ["ffmpeg command", () => ffmpeg(flac, "-ar", "24000", "-ac", "1", "-f", "f32le")],
  [
    "decodeAudio, node-av",
    async () => void await decodeAudio(flac, { ...speech, backend: "node-av" }),
  ],
]);
