/**
 * Writes `.ecdc` files block by block, also if the length is not known before the end: a file's header
 * is patched when it closes, a pipe's says that it is not known.
 *
 * @example Write a file into memory
 * ```ts
 * import { EcdcWriter } from "@vcs/encodec-stream/ecdc";
 * import assert from "node:assert/strict";
 *
 * const parts: Uint8Array[] = [];
 * const sink = { write: (bytes: Uint8Array) => Promise.resolve(void parts.push(bytes)) };
 * const writer = new EcdcWriter(sink, { model: "encodec_24khz", codebooks: 2 });
 * await writer.write({ codes: Uint16Array.of(1, 2, 3, 4) });
 * await writer.close(640);
 * assert.equal(parts.at(-1)?.toHex(), "0108300001");
 * ```
 *
 * @module
 */
import { BitPacker, packCodes } from "./bits.ts";
import type { CodeBlock } from "./reader.ts";
import { EcdcError } from "../errors.ts";
import { type EcdcFields, formatHeader, UNKNOWN_LENGTH } from "./header.ts";
import { type ModelSpec, modelSpec } from "../models.ts";
import { framesFor, SCALE_BYTES, scaleFault } from "./segments.ts";

/** Where bytes are written to. */
export interface EcdcSink {
  /** Appends bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** Overwrites the first bytes; absent if that is impossible. */
  rewriteStart?(bytes: Uint8Array): Promise<void>;
  /**
   * Whether all bytes may come at the end, because nobody reads them before: the header then has the
   * length. Default: false.
   */
  readonly patient?: boolean;
}

/** What a header says; the number of samples only if it is known ahead. */
export type EcdcWriterFields = Omit<EcdcFields, "samples"> & { readonly samples?: number };

/** Writes one file. */
export class EcdcWriter {
  readonly #sink: EcdcSink;
  readonly #fields: EcdcWriterFields;
  readonly #spec: ModelSpec;
  readonly #packer: BitPacker;
  readonly #room: number;
  #held: Uint8Array[] | undefined;
  #started = false;
  #segments = 0;
  /** Whether the last segment was shorter than a full one. */
  #ended = false;

  /**
   * Prepares a file; nothing is written yet.
   *
   * @throws {RangeError} if a field is out of range.
   */
  constructor(sink: EcdcSink, fields: EcdcWriterFields) {
    this.#sink = sink;
    this.#fields = fields;
    this.#spec = modelSpec(fields.model);
    this.#packer = new BitPacker(this.#spec.codeBits);
    this.#room = formatHeader({ ...fields, samples: fields.samples ?? UNKNOWN_LENGTH }).length;
    if (fields.samples === undefined && !sink.rewriteStart && sink.patient) this.#held = [];
  }

  /** Writes the header, or the placeholder that is patched at the end. */
  async #start(): Promise<void> {
    if (this.#started) return;
    this.#started = true;
    const samples = this.#fields.samples ?? UNKNOWN_LENGTH;
    if (!this.#held) await this.#sink.write(formatHeader({ ...this.#fields, samples }));
  }

  async #put(bytes: Uint8Array): Promise<void> {
    await this.#start();
    if (this.#held) this.#held.push(bytes);
    else if (bytes.length > 0) await this.#sink.write(bytes);
  }

  /**
   * Writes a block: a whole segment with its scale at 48 kHz, any number of frames at 24 kHz.
   *
   * @throws {EcdcError} `bad-segment` if the scale is one that readers refuse: that of audio with
   * samples that are not numbers, or far beyond -1 and 1.
   */
  async write(block: Pick<CodeBlock, "codes"> & Partial<Pick<CodeBlock, "scale">>): Promise<void> {
    if (!this.#spec.segmentation) return await this.#put(this.#packer.push(block.codes));
    const scale = Math.fround(block.scale ?? 1);
    const fault = scaleFault(scale);
    if (fault) {
      throw new EcdcError("bad-segment", `Cannot write segment ${this.#segments}: ${fault}`);
    }
    if (this.#isLost(block.codes)) return;
    this.#segments++;
    const packed = packCodes(block.codes, this.#spec.codeBits);
    const bytes = new Uint8Array(SCALE_BYTES + packed.length);
    new DataView(bytes.buffer).setFloat32(0, scale);
    bytes.set(packed, SCALE_BYTES);
    await this.#put(bytes);
  }

  /**
   * Whether a segment cannot be written because no header will say where it begins: the one of at most
   * 160 samples that follows a segment which ends one frame early. Both together would look like one
   * full segment.
   */
  #isLost(codes: Uint16Array): boolean {
    if (this.#ended && this.#isOpen) return true;
    const { length } = this.#spec.segmentation!;
    this.#ended = codes.length < framesFor(this.#spec, length) * this.#fields.codebooks;
    return false;
  }

  /** Whether the header at the start stays without a length. */
  get #isOpen(): boolean {
    const { rewriteStart, patient } = this.#sink;
    return this.#fields.samples === undefined && !rewriteStart && !patient;
  }

  /**
   * Ends the file.
   *
   * @param samples samples per channel of all blocks
   * @throws {RangeError} if the header at the start gave another number.
   */
  async close(samples: number): Promise<void> {
    const promised = this.#fields.samples;
    if (promised !== undefined && promised !== samples) {
      throw new RangeError(
        `Cannot end the .ecdc file: found ${samples} samples, its header promised ${promised}`,
      );
    }
    await this.#put(this.#packer.flush());
    if (this.#held) {
      await this.#sink.write(formatHeader({ ...this.#fields, samples }));
      for (const bytes of this.#held) if (bytes.length > 0) await this.#sink.write(bytes);
    } else if (promised === undefined) {
      await this.#sink.rewriteStart?.(formatHeader({ ...this.#fields, samples }, this.#room));
    }
  }
}
