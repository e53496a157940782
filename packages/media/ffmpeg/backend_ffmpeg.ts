/**
 * The installed programs ffmpeg and ffprobe: the fallback. One process decodes one stretch; its
 * `showinfo` filter reports the time of every frame on standard error, its output carries the
 * pixels of those that are wanted.
 *
 * @module
 */
import { BufferedReader, onAbort } from "@vcs/transport/internal";
import type {
  Backend,
  DecodedFrame,
  DecodeRequest,
  DecodeRun,
  LiveConnection,
  StreamFacts,
} from "./backend.ts";
import { codedPixels } from "../decode/video_options.ts";
import { MediaError } from "../errors.ts";
import { inspectByFfprobe, liveArguments, probeLive } from "./ffprobe.ts";
import type { LiveInput } from "../live/address.ts";
import { imageBytes } from "../formats/pixel_formats.ts";
import { Program } from "./programs.ts";

/** Most single frames named in a filter; above it everything from the first to the last is sent. */
const MAX_NAMED = 64;

/** Which frames' pixels leave the process. */
interface Selection {
  /** FFmpeg expression over `pts`. */
  readonly expression: string;
  /** The same in JavaScript. */
  readonly includes: (ticks: number | undefined) => boolean;
}

function selectionOf(wanted: readonly number[] | undefined): Selection {
  if (wanted === undefined) return { expression: "1", includes: () => true };
  if (wanted.length === 0) return { expression: "0", includes: () => false };
  if (wanted.length <= MAX_NAMED) {
    const named = new Set(wanted);
    return {
      expression: [...named].map((ticks) => `eq(pts,${ticks})`).join("+"),
      includes: (ticks) => ticks !== undefined && named.has(ticks),
    };
  }
  const [first, last] = [wanted[0]!, wanted.at(-1)!];
  return {
    expression: `between(pts,${first},${last})`,
    includes: (ticks) => ticks !== undefined && ticks >= first && ticks <= last,
  };
}

const THREAD_TYPES = { auto: "frame+slice", frame: "frame", slice: "slice" };

/** Options that come before the input. */
function inputOptions(request: DecodeRequest): string[] {
  const { facts: { timeBase: [num, den] }, from, device, threads, threadType, maxPixels } = request;
  const options = ["-threads", `${threads}`, "-thread_type", THREAD_TYPES[threadType]];
  options.push("-max_pixels", `${codedPixels(maxPixels)}`);
  const [kind, number = "0"] = device.split(":");
  if (kind !== "cpu") options.push("-hwaccel", kind!, "-hwaccel_device", number);
  if (from !== undefined) {
    const seconds = Math.ceil(from * num / den * 1e6) / 1e6;
    options.push("-seek_timestamp", "1", "-noaccurate_seek", "-ss", seconds.toFixed(6));
  }
  return options;
}

function argumentsOf(request: DecodeRequest, { expression }: Selection): string[] {
  const { source, facts, filter } = request;
  const chain = ["showinfo=checksum=0", `select='${expression}'`, ...(filter ? [filter] : [])];
  return [
    ...["-hide_banner", "-nostats", "-nostdin", "-loglevel", "repeat+level+info", "-copyts"],
    ...inputOptions(request),
    ...(request.input ? liveArguments(request.input) : []),
    ...["-noautorotate", "-i", source, "-map", `0:${facts.stream}`],
    ...["-vf", chain.join(","), "-fps_mode", "passthrough", "-autoscale", "0"],
    ...["-f", request.wanted?.length === 0 ? "null" : "rawvideo", "pipe:1"],
  ];
}

/** What showinfo says of a frame. */
export interface Announcement {
  /** Presentation time in time-base units; undefined where there is none. */
  readonly ticks: number | undefined;
  /** Whether it is a key frame. */
  readonly keyframe: boolean;
  /** Size of the stored frame in pixels. */
  readonly width: number;
  /** Size of the stored frame in pixels. */
  readonly height: number;
  /** FFmpeg's name of the stored pixel format. */
  readonly pixelFormat: string;
  /** Whether the decoder complained shortly before it. */
  readonly damaged: boolean;
}

const SHOWN_FRAME = /\bn: *\d+ +pts: *(-?\d+|NOPTS)\b.* fmt:(\w+) .* s:(\d+)x(\d+) .* iskey:(\d)/;
const TIME_BASE = /config in time_base: (\d+)\/(\d+)/;

/**
 * Frames after a decoder's complaint that may be the one it complained about: what frame threads
 * and reordering can hold back.
 */
const SUSPECTS = 32;

/** Follows the messages of a decoding process: a queue of frames that were announced. */
export class Announcements {
  readonly #timeBase: readonly [number, number];
  readonly #complaint: RegExp;
  readonly #queue: Announcement[] = [];
  #scale = 1;
  #suspects = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor({ timeBase, codec }: StreamFacts) {
    this.#timeBase = timeBase;
    // What a cut took of stored pixels, their decoder does not miss.
    const torn = codec === "rawvideo" ? "|corrupt input packet" : "";
    this.#complaint = new RegExp(
      `^\\[(${codec}|lib\\w+) @ \\w+\\] \\[error\\]|while decoding|to decoder${torn}`,
    );
  }

  /** Takes a line of standard error. */
  read(line: string): void {
    const shown = SHOWN_FRAME.exec(line);
    if (shown) {
      this.#queue.push(this.#announcement(shown));
      this.#suspects = Math.max(0, this.#suspects - 1);
      this.#wake?.();
      return;
    }
    if (this.#complaint.test(line)) this.#suspects = SUSPECTS;
    const [, num, den] = TIME_BASE.exec(line) ?? [];
    if (num && den) this.#scale = Number(num) * this.#timeBase[1] / Number(den) / this.#timeBase[0];
  }

  #announcement([, time, pixelFormat, width, height, key]: string[]): Announcement {
    return {
      ticks: time === "NOPTS" ? undefined : Math.round(Number(time) * this.#scale),
      width: Number(width),
      height: Number(height),
      pixelFormat: pixelFormat!,
      keyframe: key === "1",
      damaged: this.#suspects > 0,
    };
  }

  /** No more lines will come. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The next frame; undefined at the end. */
  async next(): Promise<Announcement | undefined> {
    while (this.#queue.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
    return this.#queue.shift();
  }
}

/** One process on its way through the stream. */
class FfmpegRun implements DecodeRun {
  readonly sparse = false;
  readonly #request: DecodeRequest;
  readonly #selection: Selection;
  readonly #program: Program;
  readonly #announcements: Announcements;
  readonly #reader: BufferedReader;
  readonly #aborting: Disposable | undefined;
  #format: string | undefined;
  #given = 0;
  #closed = false;

  constructor(request: DecodeRequest) {
    this.#request = request;
    this.#selection = selectionOf(request.wanted);
    const announcements = new Announcements(request.facts);
    this.#announcements = announcements;
    const args = argumentsOf(request, this.#selection);
    this.#program = new Program("ffmpeg", args, (line) => announcements.read(line));
    this.#program.drained.finally(() => announcements.end());
    this.#reader = BufferedReader.of(this.#program.stdout);
    this.#aborting = onAbort(request.signal, () => void this[Symbol.asyncDispose]());
  }

  async next(): Promise<DecodedFrame | undefined> {
    this.#request.signal?.throwIfAborted();
    if (this.#closed) return undefined;
    const announced = await this.#announcements.next();
    this.#request.signal?.throwIfAborted();
    if (announced === undefined) return await this.#finish();
    this.#given++;
    const wanted = this.#selection.includes(announced.ticks);
    const pixels = wanted ? await this.#read(announced) : undefined;
    if (wanted && pixels === undefined) return await this.#finish();
    const decoded: DecodedFrame = {
      ...announced,
      pixels: () => pixels ?? new Uint8Array(),
      motion: () => {
        throw new MediaError("unsupported", "Cannot read motion vectors: they need node-av");
      },
      keep: () => decoded,
    };
    return decoded;
  }

  /** The pixels of one frame; undefined where the process ended before. */
  async #read(frame: Announcement): Promise<Uint8Array<ArrayBuffer> | undefined> {
    this.#format ??= frame.pixelFormat;
    const bytes = this.#request.frameBytes ?? storedBytes(frame, this.#format);
    const pixels = await this.#reader.upTo(bytes);
    return pixels.length === bytes ? pixels : undefined;
  }

  /** The process has ended: reports why, if it never gave a frame. */
  async #finish(): Promise<undefined> {
    this.#request.signal?.throwIfAborted();
    if (this.#closed || this.#given > 0) return undefined;
    const success = await this.#program.finish();
    const { device } = this.#request;
    if (success) return undefined;
    const complaint = this.#program.complaint;
    if (device !== "cpu" && /device|cuda/i.test(complaint)) {
      throw new MediaError("no-device", `Cannot decode on ${device}: ${complaint}`);
    }
    if (/initializ|parsing|option|no such filter/i.test(complaint)) {
      throw new MediaError("decode-failed", `Cannot decode: ffmpeg says ${complaint}`);
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#aborting?.[Symbol.dispose]();
    this.#announcements.end();
    await this.#reader[Symbol.asyncDispose]();
    await this.#program[Symbol.asyncDispose]();
  }
}

/** Bytes of a frame as it is stored; the program turns all of them into the format of the first. */
function storedBytes({ pixelFormat, width, height }: Announcement, first: string): number {
  if (pixelFormat !== first) {
    const message = `Cannot read native pixels: ${first} becomes ${pixelFormat}, use node-av`;
    throw new MediaError("unsupported", message);
  }
  const bytes = imageBytes(pixelFormat, width, height);
  if (bytes !== undefined) return bytes;
  const message = `Cannot read native pixels: the size of ${pixelFormat} is not known`;
  throw new MediaError("unsupported", message);
}

function decode(request: DecodeRequest): Promise<DecodeRun> {
  if (request.motion) {
    const message =
      "Cannot read motion vectors: the ffmpeg program does not report them, use node-av";
    return Promise.reject(new MediaError("unsupported", message));
  }
  return Promise.resolve(new FfmpegRun(request));
}

/** Two connections, one after the other: ffprobe reads the header, ffmpeg the frames. */
async function connect(
  input: LiveInput,
  stream: number | undefined,
  signal: AbortSignal,
): Promise<LiveConnection> {
  const facts = await probeLive(input, stream, signal);
  return { facts, decode, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** FFmpeg as installed programs. */
export const ffmpegBackend: Backend = {
  name: "ffmpeg",
  seekCost: 100,
  inspect: inspectByFfprobe,
  connect,
  decode,
};
