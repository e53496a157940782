/**
 * The sending half of a stream: frames are collected into windows, encoded, queued, and sent.
 *
 * `frames → [capture ring] → windows of 17 → encode → send queue → channel`
 *
 * Collecting, encoding and sending overlap. Every stage is bounded: one window being collected and
 * one that is full, one being encoded, the send queue, and the channel's credits. With a policy that
 * drops, the queue lies before the encoder, so that a window that is dropped is not encoded.
 *
 * @module
 */
import type { Sender } from "@vcs/transport/channel";
import { type Clock, systemClock } from "@vcs/transport/portable";
import { type Policy, Queue, type QueueCounters } from "@vcs/transport/portable";
import { abortable, defined, Series, type Summary, wallTime } from "@vcs/transport/internal";
import { message, newStreamId, NO_ID } from "@vcs/transport/message";
import {
  type FrameRate,
  type TokenWindow,
  WINDOW_VERSION_2,
  type WindowVersion,
} from "./stream/payload.ts";
import { TokenEncoder } from "./coder/range_coder.ts";
import type { WindowEncoder } from "./stream/tokenizer.ts";
import {
  type FrameWindow,
  type TimedFrame,
  type WindowOptions,
  windowsOf,
} from "./stream/windows.ts";
import { type PayloadForm, windowMessage } from "./stream/window_message.ts";

/** How a stream is sent. */
export interface SendOptions extends Omit<WindowOptions, "now" | "resize"> {
  /** Nominal rate of the source. */
  readonly frameRate: FrameRate;
  /** How tokens are written into a message. Default: packed. */
  readonly payload?: PayloadForm;
  /**
   * Windows from one key window to the next, with the payload `range`. With a `streamId`, every
   * window is a key: a stream that is sent again continues where the first run ended, and cannot
   * build on the windows of that run. Default: 16; 1 with a `streamId`.
   */
  readonly keyEvery?: number;
  /**
   * Version of the windows: 2 takes fewer bytes, in its header (27 for 48) and of range coded tokens
   * (15 %). Default: 2 while the channel says that the receiver reads it (`capabilities`), else 1,
   * which every receiver reads.
   */
  readonly windowVersion?: WindowVersion;
  /** Windows that may wait to be sent. Default: 3. */
  readonly queue?: number;
  /** What a full send queue does. Default: block, so that the encoder waits. */
  readonly policy?: Policy;
  /**
   * For a source that cannot wait: frames that are kept while the encoder is busy. The oldest are
   * dropped, and counted, when they do not fit. Default: none, the source waits.
   */
  readonly captureRing?: number;
  /** Id of the stream; one that is sent again keeps its id. Default: a random id. */
  readonly streamId?: string;
  /** Called with every encoded window before it is sent. Default: nothing. */
  readonly onWindow?: (window: FrameWindow) => void;
  /** Ends the stream early: what was encoded is still sent. Default: none. */
  readonly stop?: AbortSignal;
  /** Aborts everything at once with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Where time comes from. Default: the machine's clock. */
  readonly clock?: Clock;
}

/** What a sender has done so far. */
export interface SendStatistics {
  /** Frames that the source gave. */
  readonly framesIn: number;
  /** Frames that the capture ring dropped. */
  readonly framesDropped: number;
  /** Windows collected: those encoded, those dropped, and those that wait. */
  readonly windows: number;
  /** Windows encoded. */
  readonly encoded: number;
  /** Windows passed to the channel. */
  readonly sent: number;
  /** Numbers of the windows that the send queue dropped, the first ten thousand. */
  readonly dropped: readonly number[];
  /** Number of windows that the send queue dropped. */
  readonly droppedCount: number;
  /** Bytes of payload passed to the channel. */
  readonly bytes: number;
  /** Windows in the send queue: now and at most. */
  readonly queue: { readonly depth: number; readonly deepest: number };
  /** Messages that the channel has taken and the peer has not acknowledged: now and at most. */
  readonly inFlight: { readonly now: number; readonly most: number };
  /** Seconds to encode a window. */
  readonly encode: Summary;
  /** Seconds that the encoder waited for the channel. */
  readonly blockedSeconds: number;
  /** Share of the time since the first window in which the encoder worked, 0 to 1. */
  readonly utilisation: number;
}

/** What a stream needs of its channel. */
type SendingEnd = Pick<Sender, "send" | "flush" | "counters" | "peerCapabilities">;

/** Dropped windows that are listed; further ones are only counted. */
const LISTED = 10_000;

/** A window between the encoder and the channel. */
interface EncodedWindow extends Omit<TokenWindow, "sentAt"> {
  readonly sequence: number;
  readonly last: boolean;
}

/**
 * Sends a stream of frames. Create one for each stream, and `run` it once.
 *
 * @example Two windows through a channel inside one process
 * ```ts ignore
 * const { sender, receiver } = memoryChannel();
 * const stream = new VideoSender(encoder, sender, { width: 128, height: 128, frameRate: [24, 1] });
 * await stream.run(frames);
 * ```
 */
export class VideoSender {
  readonly #encoder: WindowEncoder;
  readonly #channel: SendingEnd;
  readonly #options: SendOptions;
  readonly #keyEvery: number;
  readonly #clock: Clock;
  readonly #now: () => number;
  readonly #encode = new Series();
  readonly #dropped: number[] = [];
  readonly #collected: Queue<FrameWindow>;
  readonly #ready: Queue<EncodedWindow>;
  readonly #capture: Queue<TimedFrame> | undefined;
  #droppedCount = 0;
  #framesIn = 0;
  #windows = 0;
  /** Why the source or the encoder ended the stream early. */
  #failure: { readonly error: unknown } | undefined;
  #sent = 0;
  #bytes = 0;
  #blocked = 0;
  #startedAt: number | undefined;
  #endedAt: number | undefined;

  /** Id of the stream, in every message. */
  readonly streamId: string;

  /**
   * Prepares a stream.
   *
   * @throws {RangeError} if an option is out of range.
   */
  constructor(
    encoder: WindowEncoder,
    channel: SendingEnd,
    options: SendOptions,
  ) {
    const { queue = 3, policy = "block", captureRing, signal } = options;
    if (options.tail === "exact" && encoder.fullWindows) {
      throw new RangeError(
        `Cannot send a stream: found the tail policy exact, expected pad or drop: ${encoder.description} takes full windows only`,
      );
    }
    this.#keyEvery = keyEveryOf(options);
    this.#encoder = encoder;
    this.#channel = channel;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#now = this.#clock === systemClock ? wallTime : () => this.#clock.now();
    this.streamId = options.streamId ?? newStreamId();
    const ends = defined({ signal });
    const onDrop = ({ sequence }: FrameWindow) => {
      if (this.#droppedCount++ < LISTED) this.#dropped.push(sequence);
    };
    const [before, behind] = policy === "block" ? [1, queue] : [queue, 1];
    this.#collected = new Queue({ capacity: before, policy, onDrop, ...ends });
    this.#ready = new Queue({ capacity: behind, ...ends });
    this.#capture = captureRing === undefined
      ? undefined
      : new Queue({ capacity: captureRing, policy: "drop-oldest", ...ends });
  }

  /**
   * Sends all frames, then the end of the stream. If the source or the encoder fails, what was
   * collected before is sent, and the end, so that no receiver is left waiting.
   *
   * @returns the totals
   * @throws what the source, the encoder or the channel throws.
   */
  async run(frames: AsyncIterable<TimedFrame>): Promise<SendStatistics> {
    const { signal } = this.#options;
    const abort = new AbortController();
    const ends = { signal: signal ? AbortSignal.any([signal, abort.signal]) : abort.signal };
    const stages = [
      this.#collect(frames, ends).pipeTo(this.#collected.writable, ends).catch((error) => {
        if (!this.#failure) throw error; // an encoder that failed has left the queue
      }),
      ReadableStream.from(this.#encoded(this.#collected.readable)).pipeTo(
        this.#ready.writable,
        ends,
      ),
      this.#send(this.#ready.readable, ends),
    ];
    await settledOrAborted(stages, abort);
    await abortable(this.#channel.flush(), signal);
    this.#endedAt = this.#clock.now();
    if (this.#failure) throw this.#failure.error;
    return this.statistics;
  }

  /** What has been done so far. */
  get statistics(): SendStatistics {
    const { policy = "block" } = this.#options;
    const { depth, deepest } = (policy === "block" ? this.#ready : this.#collected).counters;
    const { inFlight, mostInFlight } = this.#channel.counters;
    const until = this.#endedAt ?? this.#clock.now();
    const elapsed = until - (this.#startedAt ?? until);
    return {
      framesIn: this.#framesIn,
      framesDropped: this.#capture?.counters.dropped ?? 0,
      windows: this.#windows,
      encoded: this.#encode.summary().count,
      sent: this.#sent,
      dropped: this.#dropped,
      droppedCount: this.#droppedCount,
      bytes: this.#bytes,
      queue: { depth, deepest },
      inFlight: { now: inFlight, most: mostInFlight },
      encode: this.#encode.summary(),
      blockedSeconds: this.#blocked,
      utilisation: elapsed > 0 ? Math.min(1, this.#encode.sum * 1000 / elapsed) : 0,
    };
  }

  /** Counters of the capture ring; zeros if there is none. */
  get captureRing(): QueueCounters {
    return this.#capture?.counters ?? { written: 0, read: 0, dropped: 0, depth: 0, deepest: 0 };
  }

  #collect(
    frames: AsyncIterable<TimedFrame>,
    ends: { signal: AbortSignal },
  ): ReadableStream<FrameWindow> {
    const counted = this.#counted(frames);
    if (!this.#capture) return ReadableStream.from(this.#windowsOf(counted));
    const capturing = ReadableStream.from(counted).pipeTo(this.#capture.writable, ends);
    capturing.catch(() => {}); // the ring's readable fails with the same reason
    return ReadableStream.from(this.#windowsOf(this.#capture.readable, { live: true }));
  }

  /** The frames up to a stop or a failure, each with the time at which it came. */
  async *#counted(frames: AsyncIterable<TimedFrame>): AsyncGenerator<TimedFrame> {
    const { stop } = this.#options;
    try {
      for await (const frame of frames) {
        if (stop?.aborted) return;
        this.#framesIn++;
        yield { ...frame, capturedAt: frame.capturedAt ?? this.#now() };
      }
    } catch (error) {
      this.#endEarly(error);
    }
  }

  async *#windowsOf(
    frames: AsyncIterable<TimedFrame>,
    live: Pick<WindowOptions, "live"> = {},
  ): AsyncGenerator<FrameWindow> {
    try {
      const { resize } = this.#encoder;
      const options = { resize, ...this.#options, ...live, now: this.#now };
      for await (const window of windowsOf(frames, options)) {
        this.#windows = window.sequence + 1;
        yield window;
      }
    } catch (error) {
      this.#endEarly(error);
    }
  }

  /** Ends the stream in order before a failure is thrown; an abort ends it at once. */
  #endEarly(error: unknown): void {
    if (this.#options.signal?.aborted) throw error;
    this.#failure ??= { error };
  }

  async *#encoded(windows: ReadableStream<FrameWindow>): AsyncGenerator<EncodedWindow> {
    for await (const window of windows) {
      const encoded = await this.#encodeOne(window).catch((error) => this.#endEarly(error));
      if (!encoded) return;
      const until = this.#clock.now();
      yield encoded;
      this.#blocked += (this.#clock.now() - until) / 1000;
    }
  }

  async #encodeOne(window: FrameWindow): Promise<EncodedWindow> {
    const { signal, frameRate, onWindow } = this.#options;
    const from = this.#clock.now();
    this.#startedAt ??= from;
    const tokens = await this.#encoder.encode(window, { signal });
    const encodeSeconds = (this.#clock.now() - from) / 1000;
    this.#encode.add(encodeSeconds);
    onWindow?.(window);
    const { data: _data, frameCount: _count, ...fields } = window;
    return { ...fields, tokens, encodeSeconds, frameRate };
  }

  async #send(
    windows: ReadableStream<EncodedWindow>,
    ends: { signal: AbortSignal },
  ): Promise<void> {
    const { payload = "packed" } = this.#options;
    let version = this.#windowVersion;
    let coder = coderOf(version);
    let next = 0;
    let sinceKey = 0;
    let connections = this.#channel.counters.connections;
    let ended = false;
    for await (const { last, sequence, ...window } of windows) {
      const afterDrop = sequence !== next;
      const joined = this.#channel.counters.connections !== connections;
      connections = this.#channel.counters.connections;
      const key = payload !== "range" || !coder.follows(window.tokens.shape) || afterDrop ||
        joined || sinceKey >= this.#keyEvery;
      sinceKey = key ? 1 : sinceKey + 1;
      // Windows that build on each other are of one version.
      if (key && version !== this.#windowVersion) {
        version = this.#windowVersion;
        coder = coderOf(version);
      }
      const fields = { sequence, key, afterDrop, end: last, ...this.#identity };
      const timed = { ...window, sentAt: this.#now() };
      const made = windowMessage(timed, fields, payload, coder, version);
      await this.#channel.send(made, ends);
      this.#bytes += made.payload.length;
      this.#sent++;
      next = sequence + 1;
      ended = last;
    }
    if (!ended) await this.#sendEnd(next, ends);
  }

  /** Sends the end alone if the last window was not known to be the last, or was dropped. */
  async #sendEnd(next: number, ends: { signal: AbortSignal }): Promise<void> {
    const sequence = this.#windows;
    const afterDrop = sequence !== next;
    const fields = { sequence, end: true, key: true, afterDrop, ...this.#identity };
    await this.#channel.send(message(new Uint8Array(0), fields), ends);
  }

  get #windowVersion(): WindowVersion {
    const { windowVersion } = this.#options;
    return windowVersion ?? (this.#channel.peerCapabilities?.includes(WINDOW_VERSION_2) ? 2 : 1);
  }

  get #identity(): { streamId: string; modelId: string } {
    return { streamId: this.streamId, modelId: this.#encoder.modelId || NO_ID };
  }
}

function coderOf(version: WindowVersion): TokenEncoder {
  return new TokenEncoder(version === 2 ? "mixed" : "range");
}

function keyEveryOf({ keyEvery, payload, streamId }: SendOptions): number {
  const most = payload === "range" && streamId !== undefined ? 1 : Number.MAX_SAFE_INTEGER;
  const windows = keyEvery ?? Math.min(16, most);
  if (Number.isSafeInteger(windows) && windows >= 1 && windows <= most) return windows;
  throw new RangeError(
    `Cannot send a stream: found a key window every ${windows} windows, expected ${
      most === 1 ? "1 in a range coded stream with a given id" : "1 or more"
    }`,
  );
}

/** Waits for all stages; if one fails, aborts the others and throws its error. */
async function settledOrAborted(
  stages: readonly Promise<unknown>[],
  abort: AbortController,
): Promise<void> {
  try {
    await Promise.all(stages);
  } catch (error) {
    abort.abort(error);
    await Promise.allSettled(stages);
    throw error;
  }
}
