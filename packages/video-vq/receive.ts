/**
 * The receiving half of a stream: takes windows from a channel, puts them in order, decodes them,
 * and gives their frames with their times.
 *
 * `channel → receive queue → order and duplicates → decode → windows, or frames one by one`
 *
 * A message is accepted when its frames have been taken. So the channel's credits bound what is in
 * flight, and what a killed receiver had not delivered is sent again.
 *
 * @module
 */
import type { Delivery, Receiver } from "@vcs/transport/channel";
import { type Clock, systemClock } from "@vcs/transport/portable";
import { type Policy, Queue } from "@vcs/transport/portable";
import { type Message, NO_ID } from "@vcs/transport/message";
import { Resequencer } from "@vcs/transport/portable";
import {
  defined,
  type Latency,
  latencyOf,
  Series,
  type Summary,
  wallTime,
} from "@vcs/transport/internal";
import { VideoVqError } from "./errors.ts";
import type { WindowJournal } from "./stream/journal.ts";
import { StreamDeduplicator, windowCount } from "./stream/deduplication.ts";
import { type TokenWindow, WINDOW_VERSION_2 } from "./stream/payload.ts";
import { TokenDecoder } from "./coder/range_coder.ts";
import type { TokenShape } from "./stream/tokens.ts";
import { BoundarySmoother } from "./stream/boundary_smoothing.ts";
import { FirstSize, type OnResize } from "./stream/first_size.ts";
import {
  framesOf,
  type ReceivedFrame,
  type ReceivedWindow,
  validFrames,
} from "./stream/received_window.ts";
import { Teller } from "./stream/teller.ts";
import type { Clip, WindowDecoder } from "./stream/tokenizer.ts";
import { MOST_POSITIONS } from "./stream/window_limits.ts";
import { messageWindow } from "./stream/window_message.ts";
import { WindowOrder, type WindowRange } from "./stream/window_order.ts";
import { WINDOW_FRAMES } from "./stream/windows.ts";

/**
 * What this receiver reads beyond what every one does: for `openReceiver`'s option `capabilities`, so
 * that senders over `tcp:` and `ws:` make use of it.
 */
export const RECEIVER_CAPABILITIES: readonly string[] = [WINDOW_VERSION_2];

export type { OnResize } from "./stream/first_size.ts";
export { framesOf, type ReceivedFrame, type ReceivedWindow } from "./stream/received_window.ts";

/** How a stream is received. */
export interface ReceiveOptions {
  /** Windows that may wait to be decoded. Default: 3. */
  readonly queue?: number;
  /** What a full receive queue does. Default: block. */
  readonly policy?: Policy;
  /**
   * Milliseconds to wait for a window that later ones have overtaken, as happens when several
   * workers take from one queue. Default: 0, windows arrive in order or not at all.
   */
  readonly reorder?: number;
  /** Whether to decode windows that were made with other weights. Default: false. */
  readonly force?: boolean;
  /**
   * Most positions of a latent: a window that has more is refused as damaged before anything is
   * made of it. Default: 81,920, those of 17 frames of 1024×1024.
   */
  readonly maxPositions?: number;
  /** Seconds of the stream at which frames begin to be delivered. Default: its start. */
  readonly from?: number;
  /** Seconds of the stream at which frames are no longer delivered. Default: its end. */
  readonly to?: number;
  /** What becomes of windows of another size than the first one. Default: fit. */
  readonly onResize?: OnResize;
  /** Keeps what was received, and replays it after a restart. Default: none. */
  readonly journal?: WindowJournal;
  /**
   * Called with a line about events that a person may want to know of: the first of each kind, then
   * at most one in ten seconds with a count. Default: nothing.
   */
  readonly onEvent?: (event: string) => void;
  /** Aborts receiving with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Where time comes from. Default: the machine's clock. */
  readonly clock?: Clock;
}

/** What a receiver has done so far. */
export interface ReceiveStatistics {
  /** Windows received, including duplicates. */
  readonly received: number;
  /** Windows decoded. */
  readonly decoded: number;
  /** Windows read back from the journal; they are part of `decoded`. */
  readonly replayed: number;
  /** Windows that arrived twice. */
  readonly duplicates: number;
  /** Number of the first window of the stream that was received: 0 unless it was joined late. */
  readonly joinedAt: number;
  /** Windows that never arrived, or arrived too late. */
  readonly missing: readonly WindowRange[];
  /** Number of missing windows. */
  readonly missingCount: number;
  /** Windows that lie before `from` or after `to`, which were not decoded. */
  readonly outside: number;
  /** Streams of which something was received. */
  readonly streams: number;
  /** Windows of another size than the first one, whose frames were fitted to it. */
  readonly fitted: number;
  /** Windows that arrived damaged, or beyond a limit; also counted as missing. */
  readonly damaged: number;
  /** Range coded windows that arrived without those before them; also counted as missing. */
  readonly undecodable: number;
  /** Windows that a full receive queue dropped; also counted as missing. */
  readonly dropped: number;
  /** Windows of other streams that came while the current one went on, and were left out. */
  readonly foreign: number;
  /** Frames delivered. */
  readonly framesOut: number;
  /** Bytes of payload received. */
  readonly bytes: number;
  /** Windows in the receive queue: now and at most. */
  readonly queue: { readonly depth: number; readonly deepest: number };
  /** Seconds to decode a window. */
  readonly decode: Summary;
  /** Seconds from the sender to here, by the clocks of both machines. */
  readonly transfer: Summary;
  /** Seconds that the sender took to encode a window. */
  readonly encode: Summary;
  /** Share of the time since the first window in which the decoder worked, 0 to 1. */
  readonly utilisation: number;
  /** The terms of the delay. */
  readonly latency: Latency;
}

/** A message on its way through the receiver. */
interface Arrival {
  readonly streamId: string;
  readonly sequence: number;
  readonly message: Message;
  readonly arrivedAt: number;
  accept(): Promise<void>;
}

/** A decoded window that is not yet accepted. */
interface Decoded {
  readonly window: ReceivedWindow;
  accept(): Promise<void>;
}

/** Milliseconds without a message after which a complete stream is over. */
const LINGER = 1000;

/** Milliseconds without a message after which another stream may go on in its place. */
const STREAM_SILENCE = 3000;

/** Receives a stream. Create one for each output, and use either `windows` or `frames`, once. */
export class VideoReceiver {
  readonly #channels: readonly Pick<Receiver, "receive">[];
  readonly #decoder: WindowDecoder;
  readonly #options: ReceiveOptions;
  readonly #clock: Clock;
  readonly #now: () => number;
  readonly #queue: Queue<Arrival>;
  readonly #teller: Teller;
  readonly #size: FirstSize;
  readonly #order = new WindowOrder();
  readonly #coder = new TokenDecoder();
  readonly #smoother = new BoundarySmoother();
  readonly #series = {
    decode: new Series(),
    transfer: new Series(),
    encode: new Series(),
    fill: new Series(),
    wait: new Series(),
    hold: new Series(),
    latency: new Series(),
  };
  readonly #known = new StreamDeduplicator();
  readonly #counts = {
    received: 0,
    decoded: 0,
    replayed: 0,
    duplicates: 0,
    streams: 0,
    fitted: 0,
    outside: 0,
    damaged: 0,
    undecodable: 0,
    dropped: 0,
    foreign: 0,
    framesOut: 0,
    bytes: 0,
  };
  /** When the current stream was last heard. */
  #heardAt = -Infinity;
  #joinedAt = 0;
  /** Settles when nothing more is taken from the channels. */
  #taking: Promise<void> = Promise.resolve();
  #startedAt: number | undefined;
  #endedAt: number | undefined;

  /**
   * Prepares to receive.
   *
   * @param channels where windows arrive: one channel, or several that share a stream
   * @throws {RangeError} if an option is out of range.
   */
  constructor(
    channels: Pick<Receiver, "receive"> | readonly Pick<Receiver, "receive">[],
    decoder: WindowDecoder,
    options: ReceiveOptions = {},
  ) {
    const { queue = 3, policy = "block", onResize = "fit", signal, clock = systemClock } = options;
    this.#channels = "receive" in channels ? [channels] : channels;
    this.#decoder = decoder;
    this.#options = options;
    this.#clock = clock;
    this.#now = clock === systemClock ? wallTime : () => clock.now();
    this.#teller = new Teller(options.onEvent, clock);
    this.#size = new FirstSize(onResize);
    this.#queue = new Queue({
      capacity: queue,
      policy,
      onDrop: (arrival) => this.#drop(arrival),
      ...defined({ signal }),
    });
  }

  /** What has been done so far. */
  get statistics(): ReceiveStatistics {
    const { depth, deepest } = this.#queue.counters;
    const { fill, decode, transfer, encode, wait, hold, latency } = this.#series;
    const until = this.#endedAt ?? this.#clock.now();
    const elapsed = until - (this.#startedAt ?? until);
    return {
      ...this.#counts,
      joinedAt: this.#joinedAt,
      missing: this.#order.missing,
      missingCount: this.#order.missingCount,
      queue: { depth, deepest },
      decode: decode.summary(),
      transfer: transfer.summary(),
      encode: encode.summary(),
      utilisation: elapsed > 0 ? Math.min(1, decode.sum * 1000 / elapsed) : 0,
      latency: latencyOf({
        fill: fill.summary().p50,
        encode: encode.summary().p50,
        transfer: transfer.summary().p50,
        decode: decode.summary().p50,
        hold: wait.summary().p50 + hold.summary().p50,
        measured: latency.summary().p50,
      }),
    };
  }

  /**
   * The windows in order. A window counts as delivered, and its message is accepted, when the
   * next one is requested.
   *
   * @throws {VideoVqError} `model-mismatch` if the stream was made with other weights,
   * `bad-journal` if the journal is damaged or not a journal.
   * @throws what the channel or the decoder throws.
   */
  async *windows(): AsyncGenerator<ReceivedWindow> {
    const abort = new AbortController();
    const { signal } = this.#options;
    const ends = { signal: signal ? AbortSignal.any([signal, abort.signal]) : abort.signal };
    const decoded = new Queue<Decoded>({ capacity: 1, ...ends });
    const stages = ReadableStream.from(this.#decoded(ends.signal)).pipeTo(decoded.writable, ends)
      .catch((error) => abort.abort(error));
    try {
      for await (const { window, accept } of decoded.readable) {
        yield window;
        const { times } = window;
        for (let i = 0; i < window.validFrames; i++) {
          if (this.#isInside(times[i]!, times[i + 1]!)) this.#counts.framesOut++;
        }
        await accept();
      }
    } finally {
      this.#endedAt = this.#clock.now();
      abort.abort(new DOMException("Reader left", "AbortError"));
      await stages;
      await this.#taking;
    }
  }

  /** The frames in order, one by one; a window is accepted once its last frame was taken. */
  async *frames(): AsyncGenerator<ReceivedFrame> {
    for await (const frame of this.arrivals()) {
      if (frame.index % WINDOW_FRAMES === 0) this.noteShown(frame);
      yield frame;
    }
  }

  /** As `frames`, for an output that calls `noteShown` itself. */
  async *arrivals(): AsyncGenerator<ReceivedFrame> {
    for await (const window of this.windows()) {
      for (const frame of framesOf(window)) {
        if (this.#isInside(frame.pts, frame.pts + frame.duration)) yield frame;
      }
    }
  }

  /** Notes that a frame is shown now, for the measured delay. */
  noteShown(frame: ReceivedFrame): void {
    const now = this.#now();
    if (frame.index % WINDOW_FRAMES === 0) this.#series.hold.add((now - frame.decodedAt) / 1000);
    if (frame.capturedAt > 0) this.#series.latency.add((now - frame.capturedAt) / 1000);
  }

  /** The messages of the journal, then those of the channels. */
  async *#arrivals(signal: AbortSignal): AsyncGenerator<Arrival> {
    yield* this.#replayed(signal);
    this.#taking = this.#intake(signal).catch(() => {}); // the queue fails with the same reason
    yield* this.#queue.readable;
  }

  async *#replayed(signal: AbortSignal): AsyncGenerator<Arrival> {
    const accept = () => Promise.resolve();
    for await (const message of this.#options.journal?.messages() ?? []) {
      signal.throwIfAborted();
      this.#counts.replayed++;
      this.#known.add(message, true);
      const { streamId, sequence } = message;
      yield { streamId, sequence, message, arrivedAt: 0, accept };
    }
  }

  /** Takes from all channels until the stream has ended. */
  async #intake(signal: AbortSignal): Promise<void> {
    const writer = this.#queue.writable.getWriter();
    try {
      await Promise.all(this.#channels.map((channel) => this.#takeFrom(channel, writer, signal)));
      await writer.close();
    } catch (error) {
      await writer.abort(error);
      throw error;
    }
  }

  async #takeFrom(
    channel: Pick<Receiver, "receive">,
    writer: WritableStreamDefaultWriter<Arrival>,
    signal: AbortSignal,
  ): Promise<void> {
    while (!this.#complete() || this.#known.current?.endReplayed) {
      const delivery = await this.#nextDelivery(channel, signal);
      if (!delivery) return;
      const { message } = delivery;
      this.#counts.received++;
      this.#counts.bytes += message.payload.length;
      if (this.#isForeign(message) || this.#isDuplicate(message)) {
        await delivery.accept();
        continue;
      }
      this.#known.add(message);
      if (this.#fits(message)) await this.#options.journal?.append(message);
      const { streamId, sequence } = message;
      const arrivedAt = this.#now();
      const accept = () => delivery.accept();
      await writer.write({ streamId, sequence, message, arrivedAt, accept });
    }
  }

  /** The next delivery; after the end of the stream, waits only while one may be late. */
  async #nextDelivery(
    channel: Pick<Receiver, "receive">,
    signal: AbortSignal,
  ): Promise<Delivery | undefined> {
    const timeout = this.#options.reorder || (this.#known.current?.endReplayed ? LINGER : 0);
    if (timeout === 0) return await channel.receive({ signal });
    for (;;) {
      const late = new AbortController();
      const come = new AbortController();
      this.#clock.sleep(timeout, come.signal).then(() => late.abort(), () => {});
      try {
        return await channel.receive({ signal: AbortSignal.any([signal, late.signal]) });
      } catch (error) {
        if (!late.signal.aborted || signal.aborted) throw error;
        if (this.#known.current?.end) return undefined;
      } finally {
        come.abort();
      }
    }
  }

  /** Whether all windows up to the end have arrived; in order, the end is the last to arrive. */
  #complete(): boolean {
    const end = this.#known.current?.end;
    if (!end) return false;
    const { streamId, next } = this.#order;
    return !this.#options.reorder || (streamId === end.streamId && next >= end.sequence);
  }

  /** Whether a message came before: counted. */
  #isDuplicate(message: Message): boolean {
    const { streamId, sequence } = message;
    const came = this.#known.has(message) || this.#order.look(streamId, sequence) === "duplicate";
    if (came) this.#counts.duplicates++;
    return came;
  }

  /**
   * Whether a message belongs to another stream than the one that goes on: a second sender's, or
   * what a broker delivers again of a stream that was replaced. Counted, as one video would show
   * two. A stream that begins replaces the one before at once: its sender was restarted.
   */
  #isForeign({ streamId, sequence }: Message): boolean {
    const now = this.#clock.now();
    const { current } = this.#known;
    const ordered = !this.#options.reorder; // else the first to come need not be a stream's first
    const goesOn = ordered && current && !current.end && now - this.#heardAt < STREAM_SILENCE;
    const begins = sequence === 0 && !this.#known.get(streamId);
    if (!goesOn || begins || streamId === current.streamId) {
      this.#heardAt = now;
      return false;
    }
    this.#counts.foreign++;
    const event = `left out stream ${streamId}: ${current.streamId} goes on; ` +
      `give each sender a channel of its own`;
    this.#teller.tell("foreign", event);
    return true;
  }

  #drop(arrival: Arrival): void {
    this.#counts.dropped++;
    arrival.accept().catch(() => {}); // the channel fails its next receive with the same reason
  }

  /** Decodes what arrives, in order. */
  async *#decoded(signal: AbortSignal): AsyncGenerator<Decoded> {
    const { reorder = 0 } = this.#options;
    const came = this.#arrivals(signal);
    const arrivals = reorder > 0
      ? ReadableStream.from(came).pipeThrough(
        new Resequencer({ timeout: reorder, clock: this.#clock, signal }),
      )
      : came;
    for await (const arrival of arrivals) {
      const window = await this.#decode(arrival, signal);
      if (window) yield { window, accept: arrival.accept };
      else await arrival.accept();
    }
    this.#settle();
  }

  /** What did not arrive of a stream that has ended is missing. */
  #settle(): void {
    const end = this.#known.get(this.#order.streamId)?.end;
    if (end) this.#order.skipTo(windowCount(end));
  }

  /**
   * A window; undefined if the message only ends the stream, arrives after a later one, or cannot
   * be decoded.
   */
  async #decode(arrival: Arrival, signal?: AbortSignal): Promise<ReceivedWindow | undefined> {
    const { message, streamId, sequence } = arrival;
    this.#checkOrigin(message);
    if (message.end && message.payload.length === 0) {
      this.#order.skipTo(sequence);
      return undefined;
    }
    if (this.#order.look(streamId, sequence) === "duplicate") return undefined;
    const window = this.#read(message);
    if (!window) return undefined;
    if (!this.#isInside(window.times[0]!, window.times.at(-1)!)) {
      this.#counts.outside++;
      this.#order.take(sequence);
      this.#smoother.reset();
      return undefined;
    }
    const from = this.#clock.now();
    this.#startedAt ??= from;
    if (sequence !== this.#order.next) this.#smoother.reset();
    this.#order.take(sequence); // before it is decoded: what arrives meanwhile is too late
    const clip = await this.#decoder.decode(window.tokens, { signal });
    if (this.#decoder.needsSmoothing) this.#smoother.smooth(clip);
    this.#counts.decoded++;
    const decodeSeconds = (this.#clock.now() - from) / 1000;
    if (arrival.arrivedAt > 0) this.#measure(window, arrival.arrivedAt, decodeSeconds);
    const { tokens, picture, ...fields } = window;
    const fitted = this.#fitted(clip, tokens.shape);
    // The picture is not where it was in frames that were fitted here.
    const shown = fitted === clip ? defined({ picture }) : {};
    const frames = validFrames(fitted, window.validFrames);
    return { ...fields, ...shown, streamId, sequence, ...frames, decodedAt: this.#now() };
  }

  #fitted(clip: Clip, latent: TokenShape): Clip {
    const fitted = this.#size.fit(clip, latent);
    if (fitted === clip) return clip;
    this.#counts.fitted++;
    const sizes = [clip, fitted].map(({ width, height }) => `${width}x${height}`);
    this.#teller.tell("size", `the stream's size is now ${sizes[0]}: fitted to ${sizes[1]}`);
    return fitted;
  }

  /** Whether something is shown in the stretch that is wanted. */
  #isInside(start: number, end: number): boolean {
    const { from = -Infinity, to = Infinity } = this.#options;
    return end > from && start < to;
  }

  /** Notes the terms of a window's delay, which are all that passes from its capture to now. */
  #measure(window: TokenWindow, arrivedAt: number, decodeSeconds: number): void {
    const { capturedAt, encodeSeconds, frameRate: [numerator, denominator], sentAt } = window;
    const { fill, decode, transfer, encode, wait } = this.#series;
    decode.add(decodeSeconds);
    encode.add(encodeSeconds);
    wait.add(Math.max(0, (this.#now() - arrivedAt) / 1000 - decodeSeconds));
    if (sentAt > 0) transfer.add((arrivedAt - sentAt) / 1000);
    const isKnown = sentAt > 0 && capturedAt > 0;
    const filled = (sentAt - capturedAt) / 1000 - encodeSeconds;
    fill.add(isKnown ? Math.max(0, filled) : WINDOW_FRAMES * denominator / numerator);
  }

  /** Whether a message was made with the decoder's weights, or may be decoded even so. */
  #fits({ modelId }: Message): boolean {
    return this.#options.force || modelId === NO_ID || modelId === this.#decoder.modelId;
  }

  /** Checks the stream and the model of a message before anything is decoded. */
  #checkOrigin(message: Message): void {
    const { streamId, sequence, modelId } = message;
    if (!this.#fits(message)) {
      throw new VideoVqError(
        "model-mismatch",
        `Cannot decode stream ${streamId}: found model ${modelId}, expected ${this.#decoder.modelId}; give both ends the same weights, or use force`,
      );
    }
    if (this.#order.look(streamId, sequence) !== "new-stream") return;
    this.#settle();
    const before = this.#order.streamId;
    if (before !== undefined) {
      const event = `stream ${before} was replaced by ${streamId}: the sender was restarted`;
      this.#teller.tell("stream", event);
    }
    if (sequence > 0) {
      this.#teller.tell("joined", `joined stream ${streamId} at window ${sequence}`);
    }
    this.#counts.streams++;
    this.#coder.forget();
    this.#smoother.reset();
    this.#order.begin(streamId, sequence);
    this.#joinedAt = sequence;
  }

  /** The window of a message; undefined, counted and reported, if it cannot be read. */
  #read(message: Message): TokenWindow | undefined {
    const follows = message.sequence === this.#order.next;
    try {
      if (!follows && !message.key) this.#coder.forget();
      const { maxPositions: positions = MOST_POSITIONS } = this.#options;
      const limits = { ...this.#decoder.latent, ...this.#size.limits, positions };
      return messageWindow(message, this.#coder, limits);
    } catch (error) {
      if (!(error instanceof VideoVqError)) throw error;
      this.#counts[error.code === "missing-context" ? "undecodable" : "damaged"]++;
      this.#teller.tell(error.code, `window ${message.sequence}: ${error.message}`);
      return undefined;
    }
  }
}
