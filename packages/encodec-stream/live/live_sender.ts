/**
 * The sending half of live audio: blocks of codes wait in a queue and are sent, one message each.
 *
 * @module
 */
import type { Sender } from "@vcs/transport/channel";
import {
  defined,
  type Policy,
  Queue,
  Series,
  type Summary,
  wallTime,
} from "@vcs/transport/portable";
import { message, newStreamId } from "@vcs/transport/message";
import type { CodeBlock } from "../container/reader.ts";
import type { Planar } from "../audio/overlap_add.ts";
import { blockMessage, type LiveHeader } from "./block_message.ts";
import { CaptureLog } from "./capture_log.ts";

/** How live audio is sent. */
export interface LiveSendOptions {
  /** Blocks that may wait to be sent. Default: 8. */
  readonly queue?: number;
  /** What a full queue does. Default: block, so that the source waits. */
  readonly policy?: Policy;
  /** Aborts everything at once with the signal's reason. */
  readonly signal?: AbortSignal;
  /** The time in milliseconds since 1970. Default: the machine's. */
  readonly now?: () => number;
}

/** What a sender has done so far. */
export interface LiveSendStatistics {
  /** Blocks passed to the channel. */
  readonly sent: number;
  /** Blocks that the queue dropped. */
  readonly dropped: number;
  /** Bytes of payload passed to the channel. */
  readonly bytes: number;
  /** Blocks in the queue. */
  readonly queue: number;
  /** Seconds from the last sample of a block to its codes. */
  readonly encode: Summary;
}

/** A block with its number, on its way to the channel. */
interface Numbered {
  readonly block: CodeBlock;
  readonly sequence: number;
  readonly capturedAt: number;
  readonly encodeSeconds: number;
}

/**
 * Sends live audio. Create one for each stream, and `run` it once.
 *
 * @example Through a channel inside one process
 * ```ts ignore
 * const { sender, receiver } = memoryChannel();
 * const live = new LiveSender(sender, { model: "encodec_48khz", codebooks: 8, sampleRate: 48000 });
 * await live.run(encoder.encode(live.captured(audio), { batch: 1 }));
 * ```
 */
export class LiveSender {
  readonly #channel: Pick<Sender, "send" | "flush">;
  readonly #header: LiveHeader;
  readonly #options: LiveSendOptions;
  readonly #streamId = newStreamId();
  readonly #queue: Queue<Numbered>;
  readonly #captures: CaptureLog;
  readonly #now: () => number;
  readonly #encode = new Series();
  #failure: { readonly error: unknown } | undefined;
  #blocks = 0;
  #end = 0;
  #sent = 0;
  #dropped = 0;
  #bytes = 0;

  /**
   * Prepares a stream.
   *
   * @throws {RangeError} if an option is out of range.
   */
  constructor(
    channel: Pick<Sender, "send" | "flush">,
    header: LiveHeader,
    options: LiveSendOptions = {},
  ) {
    const { queue = 8, policy = "block", signal, now = wallTime } = options;
    this.#channel = channel;
    this.#header = header;
    this.#options = options;
    this.#now = now;
    this.#captures = new CaptureLog(now);
    const onDrop = () => void this.#dropped++;
    this.#queue = new Queue({ capacity: queue, policy, onDrop, ...defined({ signal }) });
  }

  /** Passes audio on to the encoder, noting when it came. */
  captured(audio: AsyncIterable<Planar>): AsyncGenerator<Planar> {
    return this.#captures.of(audio);
  }

  /** What has been done so far. */
  get statistics(): LiveSendStatistics {
    return {
      sent: this.#sent,
      dropped: this.#dropped,
      bytes: this.#bytes,
      queue: this.#queue.counters.depth,
      encode: this.#encode.summary(),
    };
  }

  /**
   * Sends all blocks, then the end of the stream, also if their source fails.
   *
   * @returns samples of all blocks
   * @throws what the blocks' source or the channel throws.
   */
  async run(blocks: AsyncIterable<CodeBlock>): Promise<number> {
    const queueing = ReadableStream.from(this.#numbered(blocks)).pipeTo(this.#queue.writable);
    // A channel that fails ends the queue, too, and is what is reported.
    queueing.catch(() => {});
    await this.#send();
    await queueing;
    await this.#channel.flush();
    if (this.#failure) throw this.#failure.error;
    return this.#end;
  }

  async *#numbered(blocks: AsyncIterable<CodeBlock>): AsyncGenerator<Numbered> {
    try {
      for await (const block of blocks) {
        const now = this.#now();
        this.#end = block.start + block.samples;
        const capturedAt = this.#captures.at(block.start) ?? now;
        const encodeSeconds = (now - (this.#captures.at(this.#end - 1) ?? now)) / 1000;
        this.#captures.forget(block.start);
        this.#encode.add(encodeSeconds);
        yield { block, sequence: this.#blocks++, capturedAt, encodeSeconds };
      }
    } catch (error) {
      this.#failure = { error };
    }
  }

  async #send(): Promise<void> {
    const ends = defined({ signal: this.#options.signal });
    const streamId = this.#streamId;
    let next = 0;
    for await (const { block, sequence, ...times } of this.#queue.readable) {
      const fields = { streamId, sequence, afterDrop: sequence !== next };
      const made = await blockMessage(
        block,
        this.#header,
        { ...times, sentAt: this.#now() },
        fields,
      );
      await this.#channel.send(made, ends);
      this.#sent++;
      this.#bytes += made.payload.length;
      next = sequence + 1;
    }
    const pts = this.#end / this.#header.sampleRate;
    const fields = { streamId, sequence: this.#blocks, pts, afterDrop: this.#blocks !== next };
    await this.#channel.send(message(new Uint8Array(0), { ...fields, end: true, key: true }), ends);
  }
}
