/**
 * Compares what a reader gives with what the ffmpeg program shows.
 *
 * @module
 */
import { random } from "#testing/fuzz.ts";
import { MediaError } from "@vcs/media/errors";
import { type VideoFrame, VideoReader } from "@vcs/media/video_reader";
import { hashOf, type Truth } from "./truth.ts";

/** The ways to reach FFmpeg. */
export type BackendName = "node-av" | "ffmpeg";

/** How a reader differs from ffmpeg. */
export interface Difference {
  /** What differs: silently wrong, or refused although ffmpeg reads it without complaint. */
  readonly kind: "count" | "pts" | "linear" | "seek" | "random" | "rgb" | "refused";
  /** What was found. */
  readonly found: string;
}

/** Mean difference of RGB values, and the largest, that versions of swscale account for. */
const MEAN_RGB = 3;

/** Times may be rounded to a millisecond. */
const TIME = 1.1e-3;

type Pixels = "native" | "rgb";
type Times = readonly { readonly pts: number }[];

/** Reads frames up to the first that is refused. */
async function collect(frames: AsyncIterable<VideoFrame>): Promise<[VideoFrame[], string?]> {
  const read: VideoFrame[] = [];
  try {
    for await (const frame of frames) read.push(frame);
    return [read];
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    return [read, error.message];
  }
}

/** A way of reading by name, the frames that it asks for, those it got, and why no more. */
type Way = ["linear" | "random" | "seek", number[], VideoFrame[], string?];

/** The ways of reading that are under test; a last frame that is torn is asked for last, or alone. */
async function* ways(
  video: VideoReader,
  backend: BackendName,
  pixels: Pixels,
  torn: number | undefined,
): AsyncGenerator<Way> {
  const count = video.index.length;
  yield ["linear", Array.from({ length: count }, (_, i) => i), ...await collect(video.frames())];
  if (backend === "ffmpeg" && pixels === "rgb") return;
  const next = random(count);
  const below = () => Math.floor(next() * (torn ?? count));
  const asked = Array.from({ length: 6 }, below);
  yield ["random", asked, ...await collect(video.framesAt(asked))];
  const seeks = backend === "ffmpeg" ? 2 : 12;
  for (let i = 0; i < seeks; i++) {
    const id = i === 0 ? count - 1 : below();
    yield ["seek", [id], ...await collect(video.framesAt([id]))];
  }
  for (let i = 0; i < seeks / 2; i++) {
    const id = below();
    yield ["seek", [id], ...await collect(one(video, id))];
  }
}

/** One frame from the decoder that stays open. */
async function* one(video: VideoReader, id: number): AsyncGenerator<VideoFrame> {
  yield await video.frameAt(id);
}

/** Mean difference of two frames. */
function meanDifference(a: Uint8Array, b: Uint8Array | undefined): number {
  if (a.length !== b?.length) return Infinity;
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

/** Compares the number of frames and their times. */
export function compareTimes(index: Times, truth: Truth): Difference[] {
  const count = index.length;
  if (count !== truth.hashes.length) {
    return [{ kind: "count", found: `${count} frames, ffmpeg shows ${truth.hashes.length}` }];
  }
  const off = index.findIndex((_, i) => !isTimely(index, truth, i));
  if (off < 0) return [];
  return [{
    kind: "pts",
    found: `frame ${off} at ${index[off]!.pts}, not ${truth.pts[off]}`,
  }];
}

/**
 * Whether a frame has its time. One whose time is in doubt just comes later than the one before;
 * behind it, the steps from frame to frame are ffmpeg's.
 */
function isTimely(index: Times, { pts, doubtful }: Truth, i: number): boolean {
  const [step, rightStep] = [index, pts.map((pts) => ({ pts }))].map((frames) =>
    frames[i]!.pts - (frames[i - 1]?.pts ?? 0)
  );
  if (doubtful.has(i)) return step! > 0;
  const isShifted = [...doubtful].some((other) => other < i);
  const off = isShifted ? step! - rightStep! : index[i]!.pts - pts[i]!;
  return Math.abs(off) <= TIME;
}

/** Whether a frame is the one that ffmpeg shows in its place. */
export function isRight(
  { index, data }: { readonly index: number; readonly data: Uint8Array },
  truth: Truth,
  pixels: Pixels,
): boolean {
  if (pixels === "native") return hashOf(data) === truth.hashes[index];
  return meanDifference(data, truth.rgb[index]) <= MEAN_RGB;
}

async function compare(
  path: string,
  truth: Truth,
  backend: BackendName,
  pixels: Pixels,
): Promise<Difference[]> {
  await using video = await VideoReader.open(path, { backend, pixels });
  const sound = truth.complaints.length === 0;
  const found: Difference[] = sound ? compareTimes(video.index, truth) : [];
  if (!sound && video.index.length !== truth.hashes.length) return [];
  const linear = new Map<number, string>();
  for await (const [way, asked, frames, refused] of ways(video, backend, pixels, truth.torn)) {
    const unsized = pixels === "native" && refused?.startsWith("Cannot read native pixels");
    const torn = truth.torn !== undefined && asked[frames.length] === truth.torn &&
      refused?.includes("damaged");
    if (refused !== undefined && sound && !unsized && !torn) {
      found.push({ kind: "refused", found: refused });
    }
    for (const frame of frames) {
      const hash = hashOf(frame.data);
      if (way === "linear") linear.set(frame.index, hash);
      const astray = linear.has(frame.index) && linear.get(frame.index) !== hash;
      if (!astray && isRight(frame, truth, pixels)) continue;
      const kind = way === "linear" && pixels === "rgb" ? "rgb" : way;
      found.push({ kind, found: `${pixels}: frame ${frame.index} is another one` });
      break;
    }
  }
  return found;
}

/** Formats whose stored pixels ffmpeg hashes with more than the planes, or that have no size here. */
const isUnsized = (error: unknown) => error instanceof MediaError && error.code === "unsupported";

/** How a backend differs from ffmpeg on a file: none where all is as it should be. */
export async function differencesOf(
  path: string,
  truth: Truth,
  backend: BackendName,
): Promise<Difference[]> {
  const found: Difference[] = [];
  for (const pixels of ["native", "rgb"] as const) {
    try {
      found.push(...await compare(path, truth, backend, pixels));
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      const readable = truth.hashes.length > 0 && truth.complaints.length === 0;
      if (readable && !isUnsized(error)) found.push({ kind: "refused", found: error.message });
    }
  }
  return found.filter(({ kind }, i) => found.findIndex((other) => other.kind === kind) === i);
}
