/**
 * The receiving half of live audio: messages of a channel as the blocks that a decoder takes. What is
 * lost, damaged or late becomes a block marked as lost, which the decoder conceals.
 *
 * @module
 */
import { type Latency, latencyOf, Series, wallTime } from "@vcs/transport/portable";
import type { Message } from "@vcs/transport/message";
import { type EcdcHeader, UNKNOWN_LENGTH } from "../container/header.ts";
import type { CodeBlock } from "../container/reader.ts";
import { unitSamples } from "../container/segments.ts";
import type { CodeSource } from "../decoder.ts";
import { EcdcError } from "../errors.ts";
import { type LiveBlock, messageBlock } from "./block_message.ts";

/** Seconds of silence that stand for a gap at most; a longer one is shortened. */
const LONGEST_SILENCE = 10;

/** Blocks that are remembered until they are heard. */
const MOST_WAITING = 1000;

/** Milliseconds without a message after which another stream may go on in its place. */
const STREAM_SILENCE = 3000;

/** Streams that are remembered, so that none begins twice. */
const MOST_STREAMS = 100;

/** What a receiver has done so far. */
export interface LiveStatistics {
  /** Blocks received and passed on. */
  readonly received: number;
  /** Blocks that never came, or came damaged. */
  readonly lost: number;
  /** Seconds of audio in them. */
  readonly lostSeconds: number;
  /** Messages that were damaged; they are part of `lost`. */
  readonly damaged: number;
  /** Messages that came twice, or after they were given up. */
  readonly late: number;
  /** Senders of which something was received, one after the other. */
  readonly streams: number;
  /** Messages of other senders that came while one went on, and were left out. */
  readonly foreign: number;
  /** Bytes of payload received. */
  readonly bytes: number;
  /** The terms of the delay, as medians. */
  readonly latency: Latency;
}

/** A place in the audio of a sender. */
export interface LivePlace {
  /** Id of the sender's stream. */
  readonly streamId: string;
  /** Seconds of it. */
  readonly pts: number;
}

/** A stretch of what is passed on that is one stretch of a sender's audio, too. */
interface Stretch {
  readonly streamId: string;
  /** Its first sample here. */
  readonly start: number;
  /** Samples that it lies later in the sender's audio. */
  readonly offset: number;
}

/** A block that was passed on and not yet heard. */
interface Waiting {
  readonly start: number;
  readonly capturedAt: number;
  readonly arrivedAt: number;
}

/** Blocks of a channel for a {@linkcode Decoder}. */
export class LiveSource implements CodeSource {
  /** Header of the first block; it says that the length is not known. */
  readonly header: EcdcHeader;
  /** More than a stream can have. */
  readonly units: number = UNKNOWN_LENGTH;
  readonly #channel: AsyncIterable<Message>;
  #messages: AsyncIterator<Message>;
  readonly #now: () => number;
  readonly #unit: number;
  readonly #waiting: Waiting[] = [];
  readonly #stretches: Stretch[] = [];
  readonly #series = {
    fill: new Series(),
    encode: new Series(),
    transfer: new Series(),
    decode: new Series(),
    hold: new Series(),
    measured: new Series(),
  };
  readonly #counts = {
    ...{ received: 0, lost: 0, lostSeconds: 0, damaged: 0, late: 0, streams: 0, foreign: 0 },
    bytes: 0,
  };
  /** Streams that began, the current one last. */
  readonly #began = new Set<string>();
  /** When the current stream was last heard of. */
  #heardAt = 0;
  #first: { readonly message: Message; readonly live: LiveBlock } | undefined;
  #streamId: string | undefined;
  /** Number of the next message. */
  #sequence = 0;
  /** Sample of the sender's audio at which the next block should begin. */
  #position = 0;
  /** Units passed on. */
  #passed = 0;

  private constructor(
    channel: AsyncIterable<Message>,
    messages: AsyncIterator<Message>,
    first: { readonly message: Message; readonly live: LiveBlock },
    damaged: number,
    now: () => number,
  ) {
    this.header = first.live.header;
    this.#channel = channel;
    this.#messages = messages;
    this.#first = first;
    this.#counts.damaged = damaged;
    this.#now = now;
    this.#unit = unitSamples(this.header.spec);
  }

  /**
   * Waits for the first block, which says what the codes are. Messages before it are not missed.
   *
   * @param messages an open receiver
   * @param now the time in milliseconds since 1970. Default: the machine's.
   * @throws {EcdcError} `no-audio` if the stream ends without a block, `unsupported` if its codes are
   * those of an unknown model.
   */
  static async open(
    messages: AsyncIterable<Message>,
    now: () => number = wallTime,
  ): Promise<LiveSource> {
    const iterator = messages[Symbol.asyncIterator]();
    let damaged = 0;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      const message = next.value;
      if (message.end) break;
      const live = await readBlock(message);
      if (live) return new LiveSource(messages, iterator, { message, live }, damaged, now);
      damaged++;
    }
    throw new EcdcError("no-audio", `Cannot play the channel: it ended with ${damaged} bad blocks`);
  }

  /** What has been done so far. */
  get statistics(): LiveStatistics {
    const { fill, encode, transfer, decode, hold, measured } = this.#series;
    const median = (series: Series) => series.summary().p50;
    return {
      ...this.#counts,
      latency: latencyOf({
        fill: median(fill),
        encode: median(encode),
        transfer: median(transfer),
        decode: median(decode),
        hold: median(hold),
        measured: median(measured),
      }),
    };
  }

  /**
   * The blocks in order, to be read once.
   *
   * @throws {EcdcError} `unsupported` if a later block has codes of another kind than the first.
   * @throws what the channel throws.
   */
  async *blocks(): AsyncGenerator<CodeBlock> {
    for (let next = await this.#next(); next; next = await this.#next()) {
      const { message, live } = next;
      if (live) yield* this.#pass(message, live);
      else if (message.end) yield* this.#tail(message);
    }
  }

  /** The next message with its block; none if it is damaged or the end. */
  async #next(): Promise<{ message: Message; live: LiveBlock | undefined } | undefined> {
    const first = this.#first;
    this.#first = undefined;
    if (first) {
      this.#isForeign(first.message);
      return first;
    }
    const message = await this.#take();
    if (!message) return undefined;
    const live = message.end ? undefined : await readBlock(message);
    if (!live && !message.end) this.#counts.damaged++;
    return { message, live };
  }

  /** The next message of the stream that goes on; another's end does not end it. */
  async #take(): Promise<Message | undefined> {
    for (let wasEnd = false;;) {
      const { value: message, done } = await this.#messages.next();
      if (done && !wasEnd) return undefined;
      if (done) this.#messages = this.#channel[Symbol.asyncIterator]();
      else if (!this.#isForeign(message)) return message;
      wasEnd = !done && message.end;
    }
  }

  /**
   * Whether a message belongs to another stream than the one that goes on: a second sender's, or
   * what a broker delivers again of one that was replaced. Counted, as two would be heard in turn.
   * A stream that begins replaces the one before at once: its sender was restarted.
   */
  #isForeign({ streamId, sequence }: Message): boolean {
    const now = this.#now();
    const goesOn = now - this.#heardAt < STREAM_SILENCE;
    const begins = sequence === 0 && !this.#began.has(streamId);
    const isCurrent = this.#streamId === undefined || streamId === this.#streamId;
    if (goesOn && !begins && !isCurrent) {
      this.#counts.foreign++;
      return true;
    }
    this.#heardAt = now;
    this.#began.add(streamId);
    if (this.#began.size > MOST_STREAMS) this.#began.delete(this.#began.keys().next().value!);
    return false;
  }

  /** Passes on a block, after the silence that stands for what was lost before it. */
  *#pass(message: Message, live: LiveBlock): Generator<CodeBlock> {
    this.#checkKind(live.header);
    const isNew = message.streamId !== this.#streamId;
    if (!isNew && message.sequence < this.#sequence) return void this.#counts.late++;
    if (!isNew) yield* this.#gap(message.sequence, live.block.start);
    else if (this.#counts.streams++ > 0) yield* this.#silence(1);
    this.#streamId = message.streamId;
    this.#sequence = message.sequence + 1;
    const { block } = live;
    const units = this.header.spec.segmentation ? 1 : block.frames;
    this.#position = block.start + units * this.#unit;
    this.#counts.received++;
    this.#counts.bytes += message.payload.length;
    const placed = { ...block, index: this.#passed, start: this.#passed * this.#unit };
    this.#passed += units;
    this.#noteStretch(message.streamId, placed.start, block.start - placed.start);
    this.#arrived(live, placed);
    yield placed;
  }

  #noteStretch(streamId: string, start: number, offset: number): void {
    const last = this.#stretches.at(-1);
    if (last?.streamId === streamId && last.offset === offset) return;
    this.#stretches.push({ streamId, start, offset });
  }

  /**
   * Where in the sender's audio a second of what was passed on lies: elsewhere where the channel was
   * joined late, or a long gap was shortened. To be asked in order.
   *
   * @param second seconds from the first block
   */
  placeOf(second: number): LivePlace | undefined {
    const { rate } = this.header;
    const sample = Math.round(second * rate);
    while (this.#stretches[1] && this.#stretches[1].start <= sample) this.#stretches.shift();
    const stretch = this.#stretches[0];
    return stretch && { streamId: stretch.streamId, pts: second + stretch.offset / rate };
  }

  #checkKind({ model, codebooks, rate }: EcdcHeader): void {
    const kind = (h: Pick<EcdcHeader, "model" | "codebooks" | "rate">) =>
      `${h.model} with ${h.codebooks} codebooks at ${h.rate} Hz`;
    const [found, expected] = [kind({ model, codebooks, rate }), kind(this.header)];
    if (found === expected) return;
    throw new EcdcError("unsupported", `Cannot play on: found ${found}, expected ${expected}`);
  }

  /** What is missing between the last block and one that begins at a sample. */
  #gap(sequence: number, start: number): Iterable<CodeBlock> {
    const lost = sequence - this.#sequence;
    const units = Math.ceil((start - this.#position) / this.#unit);
    if (lost <= 0 || units <= 0) return [];
    this.#counts.lost += lost;
    this.#counts.lostSeconds += units * this.#unit / this.header.rate;
    return this.#silence(units);
  }

  #tail({ streamId, sequence, pts }: Message): Iterable<CodeBlock> {
    if (streamId !== this.#streamId) return [];
    const { hop } = this.header.spec;
    return this.#gap(sequence, Math.ceil(pts * this.header.rate / hop) * hop);
  }

  /** Lost blocks: at 48 kHz one for each segment, at 24 kHz one for all frames. */
  *#silence(wanted: number): Generator<CodeBlock> {
    const { rate, spec: { segmentation, hop } } = this.header;
    const units = Math.min(wanted, Math.max(1, Math.floor(LONGEST_SILENCE * rate / this.#unit)));
    const [blocks, each] = segmentation ? [units, 1] : [1, units];
    const frames = segmentation ? Math.ceil(segmentation.length / hop) : each;
    for (let i = 0; i < blocks; i++, this.#passed += each) {
      yield {
        index: this.#passed,
        start: this.#passed * this.#unit,
        samples: segmentation?.length ?? frames * hop,
        frames,
        scale: undefined,
        codes: new Uint16Array(0),
        isLost: true,
      };
    }
  }

  #arrived(live: LiveBlock, { start, samples }: CodeBlock): void {
    const arrivedAt = this.#now();
    const { capturedAt, encodeSeconds, sentAt } = live;
    this.#series.fill.add(samples / this.header.rate);
    this.#series.encode.add(encodeSeconds);
    this.#series.transfer.add((arrivedAt - sentAt) / 1000);
    this.#waiting.push({ start, capturedAt, arrivedAt });
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
  }

  /**
   * Notes that decoded audio was written, which ends the wait of the blocks in it.
   *
   * @param second end of what was written, in seconds from the first block
   * @param decodedAt when it was decoded, in milliseconds since 1970; it is written now
   */
  heard(second: number, decodedAt: number): void {
    const now = this.#now();
    const end = second * this.header.rate;
    while (this.#waiting[0] && this.#waiting[0].start < end) {
      const { capturedAt, arrivedAt } = this.#waiting.shift()!;
      this.#series.decode.add((decodedAt - arrivedAt) / 1000);
      this.#series.hold.add((now - decodedAt) / 1000);
      this.#series.measured.add((now - capturedAt) / 1000);
    }
  }
}

/** The block of a message; undefined if it is damaged. */
async function readBlock(message: Message): Promise<LiveBlock | undefined> {
  try {
    return await messageBlock(message);
  } catch (error) {
    if (error instanceof EcdcError && error.code !== "unsupported") return undefined;
    throw error;
  }
}
