/**
 * Reads entropy-coded `.ecdc` files (`lm` is true), as well as that can be done: the coder needs
 * exactly the probabilities that the encoder had, to the last bit of float32, and those differ
 * between processors, thread counts and versions of PyTorch. If they differ, decoding fails after a
 * few frames, and nothing can repair that. It is also why this package does not write such files.
 *
 * @module
 */
import { concatBytes } from "@vcs/transport/portable";
import { ArithmeticDecoder, quantizeCdf } from "./arithmetic_coder.ts";
import type { ByteRun } from "../container/seekable_source.ts";
import type { CodeSource } from "../decoder.ts";
import type { BlockRange, CodeBlock, EcdcReader } from "../container/reader.ts";
import { EcdcError } from "../errors.ts";
import type { EcdcHeader } from "../container/header.ts";
import type { LanguageModel, LanguageModelRun } from "./language_model.ts";
import { chunkFrames, SCALE_BYTES, scaleFault, segmentPlace } from "../container/segments.ts";

/** Most bytes that the coder needs for one code, rounded up. */
const CODE_BYTES = 4;

/** An entropy-coded file as a source of codes. */
export class LmReader implements CodeSource {
  readonly #reader: EcdcReader;
  readonly #model: LanguageModel;

  /** Reads with a language model that was opened for the file's model and number of codebooks. */
  constructor(reader: EcdcReader, model: LanguageModel) {
    this.#reader = reader;
    this.#model = model;
  }

  /** The file's header. */
  get header(): EcdcHeader {
    return this.#reader.header;
  }

  /** Segments at 48 kHz, frames at 24 kHz. */
  get units(): number {
    return this.#reader.units;
  }

  /**
   * Reads blocks in order. Nothing has a known size, so everything before the first one is decoded as
   * well.
   *
   * @throws {EcdcError} `desynchronised` if the probabilities are not the encoder's, `truncated` if the
   * file ends too soon, which may have the same cause.
   */
  async *blocks({ from = 0, to = Infinity, chunk }: BlockRange = {}): AsyncGenerator<CodeBlock> {
    const { header, units } = this;
    const end = Math.min(to, units);
    if (from >= end) return;
    if (!header.spec.segmentation) return yield* this.#frames(from, end, chunk);
    const body = await this.#body();
    for (let k = 0; k < end; k++) {
      const block = await this.#segment(k, body);
      if (k >= from) yield block;
    }
  }

  /** Everything after the header. */
  async #body(): Promise<Body> {
    return new Body(await this.#reader.source.seek(this.header.bytes));
  }

  async #segment(index: number, body: Body): Promise<CodeBlock> {
    const place = segmentPlace(this.header, index);
    const bytes = await body.read(SCALE_BYTES);
    if (bytes.length < SCALE_BYTES) throw new EcdcError("truncated", unsure(`segment ${index}`));
    const scale = new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0);
    const fault = scaleFault(scale);
    if (fault) throw new EcdcError("desynchronised", `${unsure(`segment ${index}`)}: ${fault}`);
    const run = new CodeRun(this.#model.start(), this.header.codebooks);
    const codes = await run.take(place.frames, (n) => body.read(n));
    body.unread(run.end(index));
    return {
      index,
      start: place.start,
      samples: place.samples,
      frames: place.frames,
      scale,
      codes,
    };
  }

  async *#frames(
    from: number,
    end: number,
    chunk: BlockRange["chunk"],
  ): AsyncGenerator<CodeBlock> {
    const { spec, samples, codebooks } = this.header;
    const body = await this.#body();
    const run = new CodeRun(this.#model.start(), codebooks);
    for (let at = 0; at < end;) {
      const stop = Math.min(at < from ? from : end, at + chunkFrames(spec, chunk, at));
      const codes = await run.take(stop - at, (n) => body.read(n));
      const start = at * spec.hop;
      const length = Math.min(samples, stop * spec.hop) - start;
      const place = { index: at, start, samples: length, frames: stop - at };
      if (at >= from) yield { ...place, scale: undefined, codes };
      at = stop;
    }
  }
}

/** Bytes after the header; those that belong to the next segment can be put back. */
class Body {
  readonly #run: ByteRun;
  #held: Uint8Array = new Uint8Array(0);

  constructor(run: ByteRun) {
    this.#run = run;
  }

  /** Reads a number of bytes; fewer only at the end. */
  async read(length: number): Promise<Uint8Array> {
    const more = await this.#run.read(Math.max(0, length - this.#held.length));
    const joined = concatBytes([this.#held, more]);
    this.#held = joined.subarray(length);
    return joined.subarray(0, length);
  }

  /** Puts bytes back in front of those that follow. */
  unread(bytes: Uint8Array): void {
    this.#held = concatBytes([bytes, this.#held]);
  }
}

function unsure(what: string): string {
  return `Cannot decode ${what} of this entropy-coded file: the language model's probabilities here are not those of the machine that encoded it`;
}

/** The codes of one segment, frame by frame. */
class CodeRun {
  readonly #model: LanguageModelRun;
  readonly #codebooks: number;
  readonly #decoder = new ArithmeticDecoder();
  #frame: Uint16Array | undefined;

  constructor(model: LanguageModelRun, codebooks: number) {
    this.#model = model;
    this.#codebooks = codebooks;
  }

  /** Decodes frames; `read` returns at most as many bytes as it is asked for. */
  async take(frames: number, read: (length: number) => Promise<Uint8Array>): Promise<Uint16Array> {
    const codes = new Uint16Array(frames * this.#codebooks);
    for (let t = 0; t < frames; t++) {
      const lacking = this.#codebooks * CODE_BYTES + CODE_BYTES - this.#decoder.rest.length;
      if (lacking > 0) this.#decoder.feed(await read(lacking));
      const cdfs = (await this.#model.next(this.#frame)).map(quantizeCdf);
      this.#frame = Uint16Array.from(cdfs, (cdf) => this.#decoder.pull(cdf));
      codes.set(this.#frame, t * this.#codebooks);
    }
    return codes;
  }

  /** Ends the segment and returns the bytes after it. */
  end(index: number): Uint8Array {
    if (this.#decoder.paddedWithZeros) return this.#decoder.rest;
    throw new EcdcError("desynchronised", unsure(`segment ${index}`));
  }
}
