/**
 * The bytes of a pickle, read forward with every length checked against what is left.
 *
 * @module
 */
import { OnnxError } from "../errors.ts";

/** Longest integer in bytes: 8,192 bits, far more than any checkpoint holds. */
const MAX_LONG = 1024;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LATIN1 = new TextDecoder("latin1");

/** A value in a message: plain ones as they are, of others only the kind (they may be endless). */
export function brief(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 100));
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

/** The error for a pickle that cannot be read on. */
export function pickleError(what: string): OnnxError {
  return new OnnxError("checkpoint-invalid", `Cannot read the pickle: ${what}`);
}

/** Thrown where the bytes end too early: a legacy file's reader then fetches more of them. */
export class PickleCut extends OnnxError {
  /** Makes the error. */
  constructor(at: number, wanted: number) {
    super(
      "checkpoint-invalid",
      `Cannot read the pickle: it ends too early, ${wanted} bytes are wanted at ${at}`,
    );
  }
}

/** A cursor over a pickle's bytes. */
export class PickleInput {
  readonly #view: DataView;

  /** Starts at a position. */
  constructor(private readonly bytes: Uint8Array, public at: number) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #skip(length: number): number {
    if (length > this.bytes.length - this.at) throw new PickleCut(this.at, length);
    this.at += length;
    return this.at - length;
  }

  /** An unsigned byte. */
  u8(): number {
    return this.#view.getUint8(this.#skip(1));
  }

  /** An unsigned 16-bit integer. */
  u16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }

  /** A signed 32-bit integer. */
  i32(): number {
    return this.#view.getInt32(this.#skip(4), true);
  }

  /** An unsigned 32-bit integer. */
  u32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  /** An unsigned 64-bit integer; above 2^53 it loses digits and passes every bound anyway. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.#skip(8), true));
  }

  /** A big-endian double. */
  f64(): number {
    return this.#view.getFloat64(this.#skip(8));
  }

  /** A view of the next bytes. */
  take(length: number): Uint8Array {
    const from = this.#skip(length);
    return this.bytes.subarray(from, from + length);
  }

  /** The next bytes as UTF-8. */
  text(length: number): string {
    try {
      return UTF8.decode(this.take(length));
    } catch (error) {
      if (error instanceof OnnxError) throw error;
      throw pickleError(`a string before ${this.at} is not UTF-8`);
    }
  }

  /** A string of Python 2, which has no encoding: UTF-8 where that is valid, else Latin-1. */
  oldText(length: number): string {
    const bytes = this.take(length);
    try {
      return UTF8.decode(bytes);
    } catch {
      return LATIN1.decode(bytes);
    }
  }

  /** The bytes up to the next line feed, as Latin-1. */
  line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0) throw new PickleCut(this.at, this.bytes.length - this.at + 1);
    const line = LATIN1.decode(this.bytes.subarray(this.at, end));
    this.at = end + 1;
    return line;
  }

  /** A little-endian integer in two's complement. */
  long(length: number): number | bigint {
    if (length > MAX_LONG) {
      throw pickleError(`an integer of ${length} bytes, at most ${MAX_LONG} are allowed`);
    }
    const bytes = this.take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    return narrow(length > 0 ? BigInt.asIntN(8 * length, value) : 0n);
  }
}

/** A bigint as a number where that is exact. */
export function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
