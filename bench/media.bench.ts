/**
 * Reading video and audio, from opening the file to pixels or samples in memory, beside the ffmpeg
 * command that does the same work and whose output is read through a pipe: a film and sound that
 * are made here, then clips of the shared folder where it is there. `-- --device cuda` decodes on a
 * GPU, too. `bench/media_memory.ts` measures memory.
 */
import { hasPrograms, hasShared, sharedPath } from "#testing/shared.ts";
import { decodeAudio } from "@vcs/media/audio";
import { VideoReader, type VideoReaderOptions } from "@vcs/media/video_reader";
import { benchDevices, nameOn } from "./devices.ts";
import { madeClip, madeSound } from "./made_clips.ts";
import { isQuick, sized } from "./quick.ts";

const clip = (name: string) => sharedPath(`data/video/${name}`);
const hd = clip("cps_demo_1080p_h264_bframes.mp4");
const long = clip("bottle_static_40s.mp4");
const medium = clip("cockatoo_yuv420.mp4");
const flac = sharedPath("data/audio/jfk_44k_stereo.flac");
const hasFfmpeg = hasPrograms("ffmpeg", "ffprobe");
const hasClips = hasShared && !isQuick;
const devices = (await benchDevices()).filter((device) => device !== "webgpu");

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

type Job = [name: string, run: () => Promise<void>];

/** Jobs of a group; the programs of FFmpeg and the shared folder may be missing. */
function compare(group: string, jobs: readonly Job[], isHere = true): void {
  for (const [i, [name, fn]] of jobs.entries()) {
    const ignore = !isHere || (!hasFfmpeg && name.includes("ffmpeg")) ||
      (isQuick && name === "ffmpeg command");
    // Only a function that is written as async is awaited.
    const job = async () => await fn();
    Deno.bench(name, { group, baseline: i === 0, ignore, n: 6, warmup: 1 }, job);
  }
}

/** The ffmpeg command, and both backends of the reader on every device. */
function sides(
  read: (options: VideoReaderOptions) => Promise<void>,
  command: () => Promise<void>,
): Job[] {
  const ours = (device: string): Job[] => [
    [nameOn("VideoReader, node-av", device), () => read({ backend: "node-av", device })],
    [nameOn("VideoReader, ffmpeg", device), () => read({ backend: "ffmpeg", device })],
  ];
  return [["ffmpeg command", command], ...devices.flatMap(ours)];
}

const rgb = "scale=flags=bilinear,format=rgb24";
const thumb = "scale=224:224:flags=bilinear,format=rgb24";
const small = { size: { width: 224, height: 224 } };
const speech = { sampleRate: 24000, channels: 1 };

// What is made here.

const FRAMES = sized(96, 24);
const SECONDS = sized(20, 4);
const film = await madeClip({ width: 640, height: 360, frames: FRAMES });
const sound = await madeSound(44100, SECONDS);

compare(
  `16 of ${FRAMES} frames, made film, RGB`,
  sides((options) => some(film, options), () => frames(film, `${select(FRAMES)},${rgb}`)),
);
compare(
  `all ${FRAMES} frames, made film, RGB`,
  sides((options) => all(film, options), () => frames(film, rgb)),
);
compare(
  `all ${FRAMES} frames, made film, RGB 224x224`,
  sides((options) => all(film, { ...options, ...small }), () => frames(film, thumb)),
);
compare(`${SECONDS} s of WAV to 24 kHz mono`, [
  ["ffmpeg command", () => ffmpeg(sound, "-ar", "24000", "-ac", "1", "-f", "f32le")],
  ["decodeAudio", async () => void await decodeAudio(sound, speech)],
]);

// Clips of the shared folder.

compare(
  "16 of 115 frames, 1080p H.264, RGB",
  sides((options) => some(hd, options), () => frames(hd, `${select(115)},${rgb}`)),
  hasClips,
);
compare(
  "16 of 1,189 frames, 360p H.264, RGB",
  sides((options) => some(long, options), () => frames(long, `${select(1189)},${rgb}`)),
  hasClips,
);
compare(
  "all 115 frames, 1080p H.264, RGB",
  sides((options) => all(hd, options), () => frames(hd, rgb)),
  hasClips,
);
compare(
  "all 280 frames, 720p H.264, RGB 224x224",
  sides((options) => all(medium, { ...options, ...small }), () => frames(medium, thumb)),
  hasClips,
);
compare("11 s of FLAC to 24 kHz mono", [
  ["ffmpeg command", () => ffmpeg(flac, "-ar", "24000", "-ac", "1", "-f", "f32le")],
  [
    "decodeAudio, node-av",
    async () => void await decodeAudio(flac, { ...speech, backend: "node-av" }),
  ],
], hasClips);
