/**
 * Frames of live sources over FFmpeg: RTSP, RTMP, SRT, HLS, cameras at this machine. A slow reader
 * gets the latest frames and never a backlog; a source that goes away is connected to again.
 *
 * @module
 */
import { defined, IdleTimeout, onAbort } from "@vcs/transport/internal";
import { changesOf, checkPixels, requestFor } from "../decode/video_opening.ts";
import { type ResolvedOptions, resolveOptions } from "../decode/video_options.ts";
import { MediaError, type MediaErrorCode } from "../errors.ts";
import type { StreamFacts } from "../ffmpeg/backend.ts";
import { chooseBackend } from "../ffmpeg/backends.ts";
import { type LiveInput, liveInput } from "./address.ts";
import { latest } from "./latest.ts";
import { type ConnectionLost, reconnecting, type ReconnectOptions } from "./reconnect.ts";

/** A frame of a live source. */
export interface LiveFrame {
  /** When it arrived, in seconds since 1970. */
  readonly timestamp: number;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** RGB, shape [height, width, 3]. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Whether it is a key frame. */
  readonly keyframe: boolean;
}

/** What is known of a live source once it is connected. */
export interface LiveInfo {
  /** Codec name as FFmpeg has it, as "h264". */
  readonly codec: string;
  /** Width of the frames in pixels. */
  readonly width: number;
  /** Height of the frames in pixels. */
  readonly height: number;
  /** Width to height of one pixel, as [numerator, denominator], of the frames as they are turned. */
  readonly sampleAspectRatio: readonly [number, number];
  /** Frames per second that the source names, 0 where it does not. */
  readonly fps: number;
  /** Whether frames are mapped from HDR to SDR. */
  readonly toneMapped: boolean;
  /** Whether frames are the first fields of what is sent. */
  readonly deinterlaced: boolean;
  /** Which FFmpeg reads it. */
  readonly backend: "node-av" | "ffmpeg";
}

/** Something that happened to the connection with a live source. */
export type LiveEvent =
  | {
    /** The source answered, and its header was read. */
    readonly type: "connected";
    /** The source's URL, without credentials. */
    readonly url: string;
    /** What it sends. */
    readonly info: LiveInfo;
  }
  | ConnectionLost<MediaError>;

/** How a live source is read. */
export interface LiveOptions extends ReconnectOptions {
  /** Which FFmpeg: in process, the installed programs, or whichever is there. Default: "auto". */
  readonly backend?: "auto" | "node-av" | "ffmpeg";
  /** Which stream of the source. Default: the best video stream. */
  readonly stream?: number;
  /** HDR (PQ or HLG) as it is sent, or mapped to BT.709. Default: "keep". */
  readonly hdr?: "keep" | "sdr";
  /** Interlaced frames as they are sent, or of each its first field. Default: "keep". */
  readonly interlaced?: "keep" | "field";
  /** Seconds to wait for the answer, and between frames. Default: 10. */
  readonly frameTimeout?: number;
  /** Most pixels of a frame, as for a video. Default: 67,108,864. */
  readonly maxPixels?: number;
  /** Frames that wait while the reader is busy; later ones take the place of the oldest. Default: 1. */
  readonly capacity?: number;
  /** Called with each frame that was replaced before it was taken. */
  readonly onDrop?: (frame: LiveFrame) => void;
  /** Called on every connection and loss. */
  readonly onEvent?: (event: LiveEvent) => void;
}

/** A live source that has been connected to. */
export interface LiveStream extends AsyncDisposable {
  /** Its URL, without credentials. */
  readonly url: string;
  /** What it sends. */
  readonly info: LiveInfo;
  /** The frames, once. */
  readonly frames: AsyncIterable<LiveFrame>;
}

/** Failures that another attempt does not mend. */
const FINAL: ReadonlySet<MediaErrorCode> = new Set([
  "limit",
  "no-backend",
  "no-video-stream",
  "unsupported",
]);

/**
 * The frames of a live source over as many connections as it takes, until the signal is aborted.
 * All have the size of the first.
 *
 * @param source an `rtsp:`, `rtmp:`, `srt:`, `udp:` or `rtp:` URL, HLS or DASH behind HTTP, or
 * `/dev/video0`; may hold name and password, which no message repeats. `rtspt:` and `rtspu:` say
 * that RTSP is to go over TCP or UDP alone.
 * @throws {TypeError} if it is no such source
 * @throws {MediaError} `no-backend`, `no-video-stream`, `limit`; `connection-lost` after the last attempt,
 * if `retries` is limited
 */
export async function* liveFrames(
  source: string,
  options: LiveOptions = {},
): AsyncGenerator<LiveFrame> {
  const { signal, onEvent = () => {}, onDrop, capacity = 1 } = options;
  const input = liveInput(source);
  const plan = (stop: AbortSignal) => {
    const connection = new Connection(input, { ...options, signal: stop });
    return {
      url: input.shown,
      connect: () => connection.frames(),
      failureOf: (cause: unknown) => failureOf(input, cause),
      onLost: onEvent,
    };
  };
  const open = (stop: AbortSignal) => reconnecting(plan(stop), { ...options, signal: stop });
  yield* latest(open, { capacity, ...defined({ signal, onDrop }) });
}

/**
 * Connects to a live source; afterwards it is connected to again whenever it goes away. Takes what
 * {@linkcode liveFrames} takes.
 *
 * @throws {TypeError} if it is no such source
 * @throws {MediaError} `connection-lost`, `no-backend`, `no-video-stream`, `limit`
 */
export async function openLive(source: string, options: LiveOptions = {}): Promise<LiveStream> {
  const stop = new AbortController();
  const outer = onAbort(options.signal, () => stop.abort(options.signal!.reason));
  const known = Promise.withResolvers<Extract<LiveEvent, { type: "connected" }>>();
  const onEvent = (event: LiveEvent) => {
    options.onEvent?.(event);
    if (event.type === "connected") return known.resolve(event);
    known.reject(event.error);
  };
  const frames = liveFrames(source, { ...options, onEvent, signal: stop.signal });
  // The first frame is what has it connect.
  const first = frames.next();
  const end = async () => {
    outer[Symbol.dispose]();
    stop.abort();
    await first.catch(() => {});
    await frames.return(undefined);
  };
  first.then(() => known.reject(stop.signal.reason), known.reject);
  try {
    const { url, info } = await known.promise;
    return { url, info, frames: after(first, frames), [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** A frame that was asked for, and those that follow it. */
async function* after(
  first: Promise<IteratorResult<LiveFrame>>,
  frames: AsyncGenerator<LiveFrame>,
): AsyncGenerator<LiveFrame> {
  const { done, value } = await first;
  if (done) return;
  yield value;
  yield* frames;
}

/** A failure as what the caller sees, without the URL's credentials; final ones are thrown. */
function failureOf({ url, shown }: LiveInput, cause: unknown): MediaError {
  if (cause !== undefined && !(cause instanceof MediaError)) throw cause;
  const found = cause?.message ?? `Cannot go on reading ${url}: the source ended the stream`;
  const message = found.replaceAll(url, shown).replace(/\/\/[^/\s]*@/g, "//");
  if (cause !== undefined && FINAL.has(cause.code)) throw new MediaError(cause.code, message);
  return new MediaError("connection-lost", message);
}

/** Connects to a source, each time anew. */
class Connection {
  readonly #input: LiveInput;
  readonly #options: LiveOptions;
  readonly #resolved: ResolvedOptions;
  /** Size of the first frame, as it is stored. */
  #size: Pick<StreamFacts, "width" | "height"> | undefined;

  constructor(input: LiveInput, options: LiveOptions) {
    const { backend, stream, hdr, interlaced, maxPixels } = options;
    this.#input = input;
    this.#options = options;
    // Frame threads would hold back a frame each.
    const chosen = defined({ backend, stream, hdr, interlaced, maxPixels });
    this.#resolved = resolveOptions({ threadType: "slice", ...chosen });
  }

  /** The frames of one connection. */
  async *frames(): AsyncGenerator<LiveFrame> {
    const { frameTimeout = 10, clock, onEvent = () => {} } = this.#options;
    const { shown: url } = this.#input;
    const backend = await chooseBackend(this.#resolved.backend);
    let what = "answer";
    const silence = () =>
      new MediaError("connection-lost", `Cannot read ${url}: no ${what} for ${frameTimeout} s`);
    using idle = new IdleTimeout(frameTimeout * 1000, silence, clock);
    const signal = AbortSignal.any([idle.signal, this.#options.signal!]);
    await using connection = await backend.connect(this.#input, this.#resolved.stream, signal);
    checkPixels(connection.facts, url, this.#resolved);
    const info = this.#infoOf(connection.facts, backend.name);
    onEvent({ type: "connected", url, info });
    what = "frame";
    idle.touch();
    await using run = await connection.decode({ ...this.#request(connection.facts), signal });
    for (let frame; (frame = await run.next());) {
      idle.touch();
      const { width, height } = info;
      const { keyframe } = frame;
      yield { timestamp: Date.now() / 1000, width, height, data: frame.pixels(), keyframe };
    }
  }

  #infoOf(facts: StreamFacts, backend: LiveInfo["backend"]): LiveInfo {
    this.#size ??= { width: facts.width, height: facts.height };
    const { width, height } = this.#size;
    const [across, down] = facts.sampleAspectRatio;
    const { toneMapped, deinterlaced } = changesOf(facts, this.#resolved);
    const isTurned = facts.rotation % 180 !== 0;
    return {
      codec: facts.codec,
      width: isTurned ? height : width,
      height: isTurned ? width : height,
      sampleAspectRatio: isTurned ? [down, across] : [across, down],
      fps: facts.frameRate,
      toneMapped,
      deinterlaced,
      backend,
    };
  }

  #request(facts: StreamFacts) {
    const size = { ...facts, ...this.#size };
    return { ...requestFor(this.#input.url, size, this.#resolved), facts, input: this.#input };
  }
}
