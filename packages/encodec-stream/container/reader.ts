/**
 * Reads `.ecdc` files block by block: a segment at 48 kHz, a number of frames at 24 kHz. Nothing is
 * allocated from a header's claims, so a file may be hours long, still growing, or hostile.
 *
 * @example Read the codes of a file in memory
 * ```ts
 * import { EcdcReader, formatHeader } from "@vcs/encodec-stream/ecdc";
 * import { packCodes } from "@vcs/encodec-stream/internal";
 * import assert from "node:assert/strict";
 *
 * const file = new Blob([
 *   formatHeader({ model: "encodec_24khz", samples: 640, codebooks: 2 }),
 *   packCodes(Uint16Array.of(1, 2, 3, 4)),
 * ]);
 * await using reader = await EcdcReader.open(await file.bytes());
 * const blocks = await Array.fromAsync(reader.blocks());
 * assert.deepEqual(blocks[0]?.codes, Uint16Array.of(1, 2, 3, 4));
 * ```
 *
 * @module
 */
import { unpackCodes } from "./bits.ts";
import { type ByteRun, SeekableSource, type SourceLike } from "./seekable_source.ts";
import { EcdcError } from "../errors.ts";
import {
  type EcdcHeader,
  type HeaderOptions,
  parseJsonHeader,
  parsePrefix,
  PREFIX_BYTES,
  UNKNOWN_LENGTH,
} from "./header.ts";
import {
  bodyBytes,
  chunkFrames,
  frameBits,
  framesFor,
  mayBeShortByOne,
  SCALE_BYTES,
  scaleFault,
  segmentCount,
  type SegmentPlace,
  segmentPlace,
  unitSamples,
} from "./segments.ts";

/** Code frames that are decoded together. */
export interface CodeBlock {
  /** Number of the segment at 48 kHz, of the first frame at 24 kHz. */
  readonly index: number;
  /** First sample. */
  readonly start: number;
  /** Samples per channel; those of the file's last frame may be fewer than 320. */
  readonly samples: number;
  /** Frames. */
  readonly frames: number;
  /** Factor of the segment's decoded audio: its loudness; undefined at 24 kHz. */
  readonly scale: number | undefined;
  /** Codes, shape [frames, codebooks]. */
  readonly codes: Uint16Array;
  /** Whether a channel lost it: there are no codes, and it fades to silence. Default: false. */
  readonly isLost?: boolean;
}

/** Which blocks to read. */
export interface BlockRange {
  /** First unit: a segment at 48 kHz, a frame at 24 kHz. Default: 0. */
  readonly from?: number;
  /** Unit before which to stop. Default: all. */
  readonly to?: number;
  /**
   * Frames per block at 24 kHz, or a function of a block's first frame; rounded up to a multiple of 4.
   * Default: 76, about a second.
   */
  readonly chunk?: number | ((frame: number) => number);
}

/** Options of {@linkcode EcdcReader.open}. */
export interface OpenOptions extends HeaderOptions {
  /** Ends the opening and later reads. */
  readonly signal?: AbortSignal;
}

/** An open `.ecdc` file. Close it with `await using`. */
export class EcdcReader implements AsyncDisposable {
  /** The parsed header. */
  readonly header: EcdcHeader;
  /** The bytes after the header, for readers of entropy-coded bodies. */
  readonly source: SeekableSource;
  /** First unit of the latest loop. */
  #from = 0;

  private constructor(header: EcdcHeader, source: SeekableSource) {
    this.header = header;
    this.source = source;
  }

  /**
   * Opens a file, a URL, `-` for standard input, bytes or a stream, and reads its header.
   *
   * @throws {EcdcError} if the source cannot be opened, or its header is not valid.
   */
  static async open(
    source: SourceLike,
    options: OpenOptions = {},
  ): Promise<EcdcReader> {
    const bytes = await SeekableSource.open(source, options);
    try {
      const start = await bytes.seek(0);
      const prefix = parsePrefix(await start.read(PREFIX_BYTES), options);
      const json = await start.read(prefix.jsonBytes);
      if (json.length < prefix.jsonBytes) {
        throw new EcdcError(
          "truncated",
          `Cannot read the .ecdc header: found ${json.length} bytes of JSON, its length field says ${prefix.jsonBytes}`,
        );
      }
      return new EcdcReader(parseJsonHeader(prefix, json), bytes);
    } catch (error) {
      await bytes[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Units that `blocks` counts in: segments at 48 kHz, frames at 24 kHz. */
  get units(): number {
    const { spec, samples } = this.header;
    return spec.segmentation ? segmentCount(spec, samples) : framesFor(spec, samples);
  }

  /** Whether the file ends where its bytes end. */
  get #isOpen(): boolean {
    return this.header.samples === UNKNOWN_LENGTH;
  }

  /** Bytes after the audio, if the size is known; negative if some are missing. */
  get surplus(): number | undefined {
    const { size } = this.source;
    if (size === undefined || this.header.lm || this.#isOpen) return undefined;
    return size - this.header.bytes - bodyBytes(this.header);
  }

  /** Units whose bytes are all there, or more, if the size is known. */
  get #heldUnits(): number {
    const { header, source: { size } } = this;
    if (size === undefined) return Infinity;
    const { segmentation } = header.spec;
    const bits = segmentation ? segmentPlace(header, 0).bytes * 8 : frameBits(header);
    return Math.floor(Math.max(0, size - header.bytes) * 8 / bits);
  }

  /** Seconds of audio that are there, of a file that was cut off; undefined where all of it is. */
  get heldSeconds(): number | undefined {
    // One that lost its last byte is whole.
    if ((this.surplus ?? 0) >= (mayBeShortByOne(this.header) ? -1 : 0)) return undefined;
    return this.#heldUnits * unitSamples(this.header.spec) / this.header.rate;
  }

  /**
   * Reads blocks in order, seeking to the first one's bytes. One loop at a time: a later call ends
   * those before it.
   *
   * @throws {EcdcError} `truncated` if the file ends too soon and `bad-segment` if a scale is unusable,
   * both after every complete block before them; `unsupported` for entropy-coded files.
   * @throws {RangeError} if a chunk would have less than one frame.
   * @throws {TypeError} if it was called again since.
   */
  blocks(range: BlockRange = {}): AsyncGenerator<CodeBlock> {
    const { header } = this;
    if (header.lm) {
      throw new EcdcError(
        "unsupported",
        "Cannot read the codes directly: this file is entropy-coded (lm is true)",
      );
    }
    const from = range.from ?? 0;
    this.#from = from;
    const to = Math.min(range.to ?? Infinity, this.units);
    return header.spec.segmentation
      ? this.#segments(from, to)
      : this.#frames(from, to, range.chunk);
  }

  async *#segments(from: number, to: number): AsyncGenerator<CodeBlock> {
    if (from >= to) return;
    const { header, source } = this;
    const last = segmentPlace(header, to - 1);
    // The last one alone may need the bytes before it all the same.
    const two = mayBeShortByOne(header) ? this.units - 2 : Infinity;
    const first = segmentPlace(header, Math.min(from, two));
    const end = two < Infinity ? undefined : header.bytes + last.offset + last.bytes;
    const run = await source.seek(header.bytes + first.offset, end);
    for (let k = from; k < to; k++) {
      if (k >= two) return yield* this.#lastTwo(run, k, to);
      const place = segmentPlace(header, k);
      const bytes = await run.read(place.bytes);
      if (this.#isOpen && bytes.length < place.bytes) return yield* this.#openEnd(place, bytes);
      yield this.#segment(place, bytes);
    }
  }

  /** The last segment of a stream of unknown length: its frames follow from its bytes. */
  *#openEnd(place: SegmentPlace, bytes: Uint8Array): Generator<CodeBlock> {
    const frames = Math.floor((bytes.length - SCALE_BYTES) * 8 / frameBits(this.header));
    if (frames < 1) return;
    const samples = frames * this.header.spec.hop;
    yield this.#segment({ ...place, frames, samples, bytes: bytes.length }, bytes);
  }

  /**
   * The last two segments of a file whose next-to-last may have lost its final byte: only the end of
   * the file shows it, so both are read before either is unpacked.
   */
  async *#lastTwo(run: ByteRun, k: number, to: number): AsyncGenerator<CodeBlock> {
    const { header, units: count } = this;
    const places = [segmentPlace(header, count - 2), segmentPlace(header, count - 1)] as const;
    const bytes = await run.read(places[0].bytes + places[1].bytes);
    const lost = bytes.length === places[0].bytes + places[1].bytes - 1 ? 1 : 0;
    const cut = places[0].bytes - lost;
    const parts = [bytes.subarray(0, cut), bytes.subarray(cut)] as const;
    const expected = [places[0].bytes - lost, places[1].bytes] as const;
    for (let i = k - (count - 2); i < to - (count - 2); i++) {
      yield this.#segment(places[i]!, parts[i]!, expected[i]!);
    }
  }

  #segment(place: SegmentPlace, bytes: Uint8Array, expected = place.bytes): CodeBlock {
    if (bytes.length < expected) throw this.#truncated("segments", place.index);
    const scale = new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0);
    const fault = scaleFault(scale);
    if (fault) throw new EcdcError("bad-segment", `Cannot decode segment ${place.index}: ${fault}`);
    const { spec, codebooks } = this.header;
    const { index, start, samples, frames } = place;
    const codes = unpackCodes(bytes.subarray(SCALE_BYTES), frames * codebooks, 0, spec.codeBits);
    return { index, start, samples, frames, scale, codes };
  }

  async *#frames(from: number, to: number, chunk: BlockRange["chunk"]): AsyncGenerator<CodeBlock> {
    const { header, source } = this;
    const bits = frameBits(header);
    if (from >= to) return;
    let at = from - from % header.spec.byteFrames;
    const end = header.bytes + Math.ceil(to * bits / 8);
    const run = await source.seek(header.bytes + at * bits / 8, end);
    for (let skip = from - at; at < to; skip = 0) {
      const wanted = Math.min(chunkFrames(header.spec, chunk, at), to - at);
      const bytes = await run.read(Math.ceil(wanted * bits / 8));
      const complete = Math.min(wanted, Math.floor(bytes.length * 8 / bits));
      if (complete > skip) yield this.#block(at + skip, complete - skip, bytes, skip * bits);
      if (complete < wanted && this.#isOpen) return;
      if (complete < wanted) throw this.#truncated("frames", at + complete);
      at += wanted;
    }
  }

  /** The error of a file that ends before a unit is complete; after a seek it may end long before. */
  #truncated(units: "segments" | "frames", index: number): EcdcError {
    const { header } = this;
    const held = this.#heldUnits;
    // A pipe that ends within a seek does not say how far it came.
    const isCounted = held < Infinity || index > this.#from || index === 0;
    const found = isCounted
      ? `after ${Math.min(index, held)} complete ${units}`
      : `before ${units.slice(0, -1)} ${index + 1} is complete`;
    return new EcdcError(
      "truncated",
      `Cannot read on: the file ends ${found}, its header promises ${header.duration.toFixed(2)} ` +
        "s of audio",
    );
  }

  #block(index: number, frames: number, bytes: Uint8Array, bitOffset: number): CodeBlock {
    const { spec, codebooks } = this.header;
    const start = index * spec.hop;
    const samples = Math.min(frames * spec.hop, this.header.samples - start);
    const codes = unpackCodes(bytes, frames * codebooks, bitOffset, spec.codeBits);
    return { index, start, samples, frames, scale: undefined, codes };
  }

  /** Closes the source. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.source[Symbol.asyncDispose]();
  }
}
