/**
 * Ordinary codecs at low delay, brought to a number of bytes by their quality setting.
 *
 * @module
 */
import { Quality } from "@vcs/video-vq";

/** A codec with FFmpeg's arguments: no frame waits for a later one. */
export interface LowDelayCodec {
  /** Its name, for people. */
  readonly name: string;
  /** Name of its elementary stream in FFmpeg. */
  readonly format: string;
  /** The coarsest quality. */
  readonly coarsest: number;
  /** Arguments for a quality and a distance of key frames. */
  args(crf: number, key: number): readonly string[];
}

/** H.264 as x264 makes it. */
export const X264: LowDelayCodec = {
  name: "x264 medium",
  format: "h264",
  coarsest: 51,
  args: (crf, key) => [
    ...["-c:v", "libx264", "-preset", "medium", "-tune", "zerolatency"],
    ...["-crf", `${crf}`, "-g", `${key}`, "-x264-params", "scenecut=0"],
    // The text about the settings that x264 puts in front.
    ...["-bsf:v", "filter_units=remove_types=6"],
  ],
};

/** All that are compared. */
export const CODECS: readonly LowDelayCodec[] = [X264, {
  name: "x265 medium",
  format: "hevc",
  coarsest: 51,
  args: (crf, key) => [
    ...["-c:v", "libx265", "-preset", "medium", "-tune", "zerolatency"],
    ...["-crf", `${crf}`, "-g", `${key}`, "-x265-params", "log-level=none:scenecut=0:info=0"],
  ],
}, {
  name: "SVT-AV1 preset 8",
  format: "obu",
  coarsest: 63,
  args: (crf, key) => [
    ...["-c:v", "libsvtav1", "-preset", "8", "-svtav1-params", "pred-struct=1"],
    ...["-crf", `${crf}`, "-g", `${key}`],
  ],
}];

/** Frames of one size. */
export interface Frames {
  /** RGB of each. */
  readonly frames: readonly Uint8Array[];
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Frames per second as FFmpeg takes it. */
  readonly rate: string;
}

/** What a codec made. */
export interface Coded {
  /** Bytes of the elementary stream. */
  readonly bytes: number;
  /** Nearness to the source, in dB. */
  readonly psnr: number;
}

async function ffmpeg(args: readonly string[]): Promise<void> {
  const all = ["-nostdin", "-v", "error", "-y", ...args];
  const options = { args: all, stdout: "null", stderr: "piped" } as const;
  const { success, stderr } = await new Deno.Command("ffmpeg", options).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).slice(0, 300));
}

const COLOURS = "flags=accurate_rnd+full_chroma_int+bicubic";

/** The PSNR of frames in order, compared as far as there are copies. */
export function psnrOf({ frames, width, height }: Frames, copies: readonly Uint8Array[]): number {
  const quality = new Quality();
  for (const [i, copy] of copies.entries()) quality.add(frames[i]!, copy, width, height);
  return quality.psnr;
}

/** The lowest whole number of a range that is right, where all above it are; else undefined. */
async function lowest(most: number, isRight: (n: number) => Promise<boolean>) {
  if (!await isRight(most)) return undefined;
  let [low, high] = [0, most];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (await isRight(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * The best quality that takes no more than so many bytes.
 *
 * @param key frames from one key frame to the next
 * @returns undefined where even the coarsest takes more
 */
export async function atMostBytes(
  source: Frames,
  codec: LowDelayCodec,
  budget: number,
  key: number,
): Promise<Coded | undefined> {
  const { frames, width, height, rate } = source;
  const folder = await Deno.makeTempDir();
  const [raw, coded] = [`${folder}/frames.rgb`, `${folder}/coded`];
  const raws = ["-f", "rawvideo", "-pix_fmt", "rgb24"];
  const encode = async (crf: number): Promise<number> => {
    const input = [...raws, "-s", `${width}x${height}`, "-r", rate, "-i", raw];
    const filter = `scale=out_color_matrix=bt601:out_range=tv:${COLOURS},format=yuv420p`;
    await ffmpeg([...input, "-vf", filter, ...codec.args(crf, key), "-f", codec.format, coded]);
    return (await Deno.stat(coded)).size;
  };
  try {
    await Deno.writeFile(raw, ReadableStream.from(frames));
    const crf = await lowest(codec.coarsest, async (crf) => await encode(crf) <= budget);
    if (crf === undefined) return undefined;
    const bytes = await encode(crf);
    const filter = `scale=in_color_matrix=bt601:in_range=tv:${COLOURS},format=rgb24`;
    await ffmpeg(["-f", codec.format, "-i", coded, "-vf", filter, ...raws, raw]);
    const copy = await Deno.readFile(raw);
    const size = width * height * 3;
    const copies = frames.map((_, i) => copy.subarray(i * size, (i + 1) * size));
    return { bytes, psnr: psnrOf(source, copies.filter(({ length }) => length === size)) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
