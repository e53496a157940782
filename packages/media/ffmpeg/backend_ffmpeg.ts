/**
 * The installed programs ffmpeg and ffprobe: the fallback. One process decodes one stretch; its
 * `showinfo` filter tells the time of every picture on standard error, its output carries the
 * pixels of those that are wanted.
 *
 * @module
 */
import { BufferedReader, onAbort } from "@vcs/transport/internal";
import type { Backend, DecodeRequest, DecodeRun, Picture, StreamFacts } from "./backend.ts";
import { MediaError } from "../errors.ts";
import { inspectByFfprobe } from "./ffprobe.ts";
import { pictureBytes } from "../formats/pixel_formats.ts";
import { Program } from "./programs.ts";

/** Most single frames named in a filter; above it everything from the first to the last is sent. */
const MAX_NAMED = 64;

/** Which pictures' pixels leave the process. */
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
  const { facts: { timeBase: [num, den] }, from, device, threads, threadType } = request;
  const options = ["-threads", `${threads}`, "-thread_type", THREAD_TYPES[threadType]];
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
    ...["-noautorotate", "-i", source, "-map", `0:${facts.stream}`],
    ...["-vf", chain.join(","), "-fps_mode", "passthrough"],
    ...["-f", request.wanted?.length === 0 ? "null" : "rawvideo", "pipe:1"],
  ];
}

/** What showinfo says of a picture. */
export interface Announcement {
  /** Presentation time in time-base units; undefined where there is none. */
  readonly ticks: number | undefined;
  /** Whether it is a key frame. */
  readonly keyframe: boolean;
  /** Whether the decoder complained shortly before it. */
  readonly damaged: boolean;
}

const PICTURE = /\bn: *\d+ +pts: *(-?\d+|NOPTS)\b.* iskey:(\d)/;
const TIME_BASE = /config in time_base: (\d+)\/(\d+)/;

/**
 * Pictures after a decoder's complaint that may be the one it complained about: what frame threads
 * and reordering can hold back.
 */
const SUSPECTS = 32;

/** Follows the messages of a decoding process: a queue of pictures that were announced. */
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
    this.#complaint = new RegExp(
      `^\\[(${codec}|lib\\w+) @ \\w+\\] \\[error\\]|while decoding|to decoder`,
    );
  }

  /** Takes a line of standard error. */
  read(line: string): void {
    const picture = PICTURE.exec(line);
    if (picture) {
      const ticks = picture[1] === "NOPTS"
        ? undefined
        : Math.round(Number(picture[1]) * this.#scale);
      this.#queue.push({ ticks, keyframe: picture[2] === "1", damaged: this.#suspects > 0 });
      this.#suspects = Math.max(0, this.#suspects - 1);
      this.#wake?.();
      return;
    }
    if (this.#complaint.test(line)) this.#suspects = SUSPECTS;
    const [, num, den] = TIME_BASE.exec(line) ?? [];
    if (num && den) this.#scale = Number(num) * this.#timeBase[1] / Number(den) / this.#timeBase[0];
  }

  /** No more lines will come. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The next picture; undefined at the end. */
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
  readonly #frameBytes: number;
  readonly #aborting: Disposable | undefined;
  #pictures = 0;
  #closed = false;

  constructor(request: DecodeRequest, frameBytes: number) {
    this.#request = request;
    this.#frameBytes = frameBytes;
    this.#selection = selectionOf(request.wanted);
    const announcements = new Announcements(request.facts);
    this.#announcements = announcements;
    const args = argumentsOf(request, this.#selection);
    this.#program = new Program("ffmpeg", args, (line) => announcements.read(line));
    this.#program.drained.finally(() => announcements.end());
    this.#reader = BufferedReader.of(this.#program.stdout);
    this.#aborting = onAbort(request.signal, () => void this[Symbol.asyncDispose]());
  }

  async next(): Promise<Picture | undefined> {
    this.#request.signal?.throwIfAborted();
    if (this.#closed) return undefined;
    const announced = await this.#announcements.next();
    this.#request.signal?.throwIfAborted();
    if (announced === undefined) return await this.#finish();
    this.#pictures++;
    const wanted = this.#selection.includes(announced.ticks);
    const pixels = wanted ? await this.#read() : undefined;
    if (wanted && pixels === undefined) return await this.#finish();
    const picture: Picture = {
      ...announced,
      pixels: () => pixels ?? new Uint8Array(),
      motion: () => {
        throw new MediaError("unsupported", "Cannot read motion vectors: they need node-av");
      },
      keep: () => picture,
    };
    return picture;
  }

  /** The pixels of one picture; undefined where the process ended before. */
  async #read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const pixels = await this.#reader.upTo(this.#frameBytes);
    return pixels.length === this.#frameBytes ? pixels : undefined;
  }

  /** The process has ended: tells why, if it never gave a picture. */
  async #finish(): Promise<undefined> {
    this.#request.signal?.throwIfAborted();
    if (this.#closed || this.#pictures > 0) return undefined;
    const success = await this.#program.finish();
    const { device } = this.#request;
    if (success) return undefined;
    const complaint = this.#program.complaint;
    if (device !== "cpu" && /device|cuda/i.test(complaint)) {
      throw new MediaError("no-device", `Cannot decode on ${device}: ${complaint}`);
    }
    if (/initializ|parsing|option|filter/i.test(complaint)) {
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

function decode(request: DecodeRequest): Promise<DecodeRun> {
  const { facts, motion } = request;
  if (motion) {
    const message =
      "Cannot read motion vectors: the ffmpeg program does not tell them, use node-av";
    return Promise.reject(new MediaError("unsupported", message));
  }
  const bytes = request.frameBytes ??
    pictureBytes(facts.pixelFormat ?? "", facts.width, facts.height);
  if (bytes === undefined && request.wanted?.length !== 0) {
    const message = `Cannot read native pixels: the size of ${facts.pixelFormat} is not known`;
    return Promise.reject(new MediaError("unsupported", message));
  }
  return Promise.resolve(new FfmpegRun(request, bytes ?? 0));
}

/** FFmpeg as installed programs. */
export const ffmpegBackend: Backend = {
  name: "ffmpeg",
  seekCost: 100,
  inspect: inspectByFfprobe,
  decode,
};
