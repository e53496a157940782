/**
 * A block of codes as the message of a channel. It needs no message before it: the payload is 24 bytes
 * of its own, and then the block alone as an `.ecdc` stream of unknown length.
 *
 * | offset | size | meaning, little-endian |
 * |---|---|---|
 * | 0 | 4 | samples of the block |
 * | 4 | 4 | float32: seconds to encode it |
 * | 8 | 8 | float64: when its first sample was captured, in milliseconds since 1970 |
 * | 16 | 8 | float64: when it was sent, in milliseconds since 1970 |
 * | 24 | | `.ecdc`: header, then the segment at 48 kHz, or the frames at 24 kHz |
 *
 * The message's `pts` is the second of the stream at which the block begins.
 *
 * @module
 */
import { type Message, message } from "@vcs/transport/message";
import { concatBytes } from "@vcs/transport/portable";
import { type EcdcHeader, UNKNOWN_LENGTH } from "../container/header.ts";
import { type CodeBlock, EcdcReader } from "../container/reader.ts";
import { EcdcWriter, type EcdcWriterFields } from "../container/writer.ts";
import { unitSamples } from "../container/segments.ts";
import { EcdcError } from "../errors.ts";

/** Bytes before the `.ecdc` stream. */
const HEAD = 24;

/** What the receiver must know: model, codebooks, the PCM rate in Hz, titles. */
export type LiveHeader = Omit<EcdcWriterFields, "samples" | "sampleRate"> & {
  readonly sampleRate: number;
};

/** When a block was captured, encoded and sent. */
export interface BlockTimes {
  /** When its first sample came, in milliseconds since 1970. */
  readonly capturedAt: number;
  /** Seconds from its last sample to its codes. */
  readonly encodeSeconds: number;
  /** When it was passed to the channel, in milliseconds since 1970. */
  readonly sentAt: number;
}

/** A block as it was received. */
export interface LiveBlock extends BlockTimes {
  /** Header of the stream; it says that its length is not known. */
  readonly header: EcdcHeader;
  /** The block, with the place that it has in the sender's audio. */
  readonly block: CodeBlock;
}

/** What a message says about the block in it. */
export type LiveFields = Pick<Message, "streamId" | "sequence" | "afterDrop">;

/** Makes the message of a block. */
export async function blockMessage(
  block: CodeBlock,
  fields: LiveHeader,
  times: BlockTimes,
  { streamId, sequence, afterDrop }: LiveFields,
): Promise<Message> {
  const head = new DataView(new ArrayBuffer(HEAD));
  head.setUint32(0, block.samples, true);
  head.setFloat32(4, times.encodeSeconds, true);
  head.setFloat64(8, times.capturedAt, true);
  head.setFloat64(16, times.sentAt, true);
  const parts = [new Uint8Array(head.buffer)];
  const sink = { write: (bytes: Uint8Array) => Promise.resolve(void parts.push(bytes.slice())) };
  const writer = new EcdcWriter(sink, fields);
  await writer.write(block);
  await writer.close(block.samples);
  const pts = block.start / fields.sampleRate;
  return message(concatBytes(parts), { streamId, sequence, afterDrop, pts, key: true });
}

function bad(found: string): EcdcError {
  return new EcdcError("bad-segment", `Cannot read a block of a channel: found ${found}`);
}

/**
 * Reads the block of a message.
 *
 * @throws {EcdcError} `bad-segment`, `bad-header` or `truncated` if it is damaged, `unsupported` for
 * codes of an unknown model.
 */
export async function messageBlock({ payload, pts }: Message): Promise<LiveBlock> {
  if (payload.length < HEAD) throw bad(`${payload.length} bytes, expected at least ${HEAD}`);
  const head = new DataView(payload.buffer, payload.byteOffset);
  await using reader = await EcdcReader.open(payload.subarray(HEAD));
  const { header } = reader;
  const [first, ...more] = await Array.fromAsync(reader.blocks({ chunk: UNKNOWN_LENGTH }));
  if (!first || more.length > 0) throw bad("no block, or several, expected one");
  const { spec, rate } = header;
  const samples = head.getUint32(0, true);
  const least = (first.frames - 1) * spec.hop;
  if (samples <= least || samples > least + spec.hop) {
    throw bad(`${samples} samples in ${first.frames} frames of ${spec.hop}`);
  }
  const index = pts * rate / unitSamples(spec);
  if (!(index >= 0) || Math.abs(index - Math.round(index)) > 1e-2) {
    throw bad(`the time ${pts} s, expected that of a block`);
  }
  const whole = Math.round(index);
  return {
    header,
    block: { ...first, index: whole, start: whole * unitSamples(spec), samples },
    encodeSeconds: head.getFloat32(4, true),
    capturedAt: head.getFloat64(8, true),
    sentAt: head.getFloat64(16, true),
  };
}
