/**
 * Version 2 of a window's header: what version 1 says in 48 bytes, in about 27. Numbers take as many
 * bytes as they need, times are differences in microseconds, and the frame's size is written only if
 * it does not follow from the latent's.
 *
 * | bytes | field |
 * |---|---|
 * | 1 | version, 2 |
 * | 1 | 1 if range coded, plus 2 times the kind of table of times, plus 8 if frames have bars or 16 if they are stretched, plus 32 if a size of frames follows, plus 64 if coded with mixed contexts |
 * | 1 | valid frames |
 * | 4 or more | latent: channels, frames, rows, columns |
 * | 2 or more | if a size follows, frame: columns, rows; as in version 1 |
 * | 2 or more | frames per second: numerator, denominator |
 * | 1 to 8 | when the window was sent, microseconds since 1970; 0 if unknown |
 * | 1 or more | one more than the microseconds from the first frame's capture to then; 0 if unknown |
 * | 1 or more | microseconds that encoding took |
 * | 4 | CRC-32 of the packed bits, little-endian |
 *
 * From the third byte to the checksum, all are whole numbers in base 128, the lowest digit first,
 * each byte but the last plus 128 (LEB128), in no more bytes than needed. The table of times and the
 * tokens follow as in version 1.
 *
 * @module
 */
import type { Picture } from "../frames/frame_fitter.ts";
import type { TokenCoding } from "../coder/range_coder.ts";
import type { TokenShape } from "./tokens.ts";
import { bad } from "./window_limits.ts";

/** How tokens are coded: packed bits, or range coded by one of two models. */
export type WindowCoding = "packed" | TokenCoding;

/** What a header says, in either version. */
export interface HeaderFields {
  /** How the tokens are coded. */
  readonly coding: WindowCoding;
  /** Kind of the table of times: 0 none, 1 microseconds, 2 seconds. */
  readonly table: number;
  /** How the source was fitted. Default: nothing but the picture is in the frame. */
  readonly fit?: Picture["fit"] | undefined;
  /** Frames to keep. */
  readonly validFrames: number;
  /** Size of the latent. */
  readonly shape: TokenShape;
  /** Columns and rows: of the frame, of the picture in its middle, or of the source's shape. */
  readonly size: readonly [width: number, height: number];
  /** Frames per second: numerator, denominator. */
  readonly frameRate: readonly [numerator: number, denominator: number];
  /** Milliseconds since 1970; 0 if unknown. */
  readonly capturedAt: number;
  /** Seconds. */
  readonly encodeSeconds: number;
  /** Milliseconds since 1970; 0 if unknown. */
  readonly sentAt: number;
  /** CRC-32 of the packed bits. */
  readonly checksum: number;
}

/** How a source was fitted, by its bits. */
const FITS = [undefined, "pad", "stretch"] as const;
/** The bits that say how tokens are coded. */
const CODINGS = { packed: 0, range: 1, mixed: 65 } as const;
const CODING_NAMES = new Map(
  Object.entries(CODINGS).map(([name, bits]) => [bits as number, name as WindowCoding]),
);
const MIXED = CODINGS.mixed;
/** The bit that says that a size of frames follows. */
const SIZED = 32;
/** Pixels of a frame's side for each position, if no size is written. */
const SCALE = 8;
/** Sides and counts of a latent and of frames. */
const MOST_SIDE = 0xffff;
/** Bytes of the longest number, 2^53 − 1. */
const LONGEST_NUMBER = 8;

/** Writes a header; undefined if a number is none that this version can say. */
export function compactHeader(fields: HeaderFields): Uint8Array | undefined {
  const { shape, fit, size, validFrames, frameRate, sentAt, capturedAt } = fields;
  const isSized = fit !== undefined || !follows(size, shape);
  const sent = Math.round(sentAt * 1000);
  const captured = capturedAt === 0 ? 0 : sent - Math.round(capturedAt * 1000) + 1;
  if (capturedAt !== 0 && captured < 1) return undefined;
  const sides = [shape.channels, shape.frames, shape.height, shape.width, ...(isSized ? size : [])];
  const numbers = [
    ...[validFrames, ...sides, ...frameRate],
    ...[sent, captured, Math.round(fields.encodeSeconds * 1e6)],
  ];
  if (!numbers.every((n) => Number.isSafeInteger(n) && n >= 0)) return undefined;
  if (sides.some((side) => side > MOST_SIDE)) return undefined;
  const kind = CODINGS[fields.coding] + 2 * fields.table + 8 * FITS.indexOf(fit) +
    (isSized ? SIZED : 0);
  const { checksum } = fields;
  return Uint8Array.of(
    ...[2, kind],
    ...numbers.flatMap(digitsOf),
    ...[0, 8, 16, 24].map((shift) => checksum >>> shift & 255),
  );
}

/**
 * Reads a header; what it says is checked no further than it can be written.
 *
 * @returns the fields, and where the table of times begins
 * @throws {VideoVqError} `bad-window`
 */
export function readCompactHeader(payload: Uint8Array): HeaderFields & { readonly start: number } {
  const numbers = new Numbers(payload, 2);
  const kind = payload[1] ?? 0;
  const table = kind >> 1 & 3;
  const fit = FITS[kind >> 3 & 3];
  const coding = CODING_NAMES.get(kind & MIXED);
  if (!coding || kind > 127 || table > 2 || (kind >> 3 & 3) === 3) {
    throw bad(`found kind ${kind} in a header of version 2`);
  }
  const validFrames = numbers.next(MOST_SIDE);
  const [channels, frames, height, width] = numbers.take(4, MOST_SIDE);
  const shape = { channels: channels!, frames: frames!, height: height!, width: width! };
  const size = kind & SIZED ? numbers.take(2, MOST_SIDE) : sizeOf(shape);
  const frameRate = numbers.take(2);
  const [sent, captured, encoding] = numbers.take(3) as [number, number, number];
  const start = numbers.at + 4;
  if (payload.length < start) throw bad(`found ${payload.length} bytes, expected ${start} or more`);
  return {
    ...{ coding, table, fit, validFrames, shape },
    size: size as [number, number],
    frameRate: frameRate as [number, number],
    sentAt: sent / 1000,
    capturedAt: captured === 0 ? 0 : (sent - captured + 1) / 1000,
    encodeSeconds: encoding / 1e6,
    checksum: new DataView(payload.buffer, payload.byteOffset + numbers.at, 4).getUint32(0, true),
    start,
  };
}

function sizeOf({ width, height }: TokenShape): [number, number] {
  return [width * SCALE, height * SCALE];
}

function follows([width, height]: readonly [number, number], shape: TokenShape): boolean {
  const [columns, rows] = sizeOf(shape);
  return width === columns && height === rows;
}

function digitsOf(value: number): number[] {
  const digits: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) digits.push(value % 128 + 128);
  return [...digits, value];
}

/** Whole numbers in base 128, one behind the other. */
class Numbers {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  next(most = Number.MAX_SAFE_INTEGER): number {
    let value = 0;
    for (let i = 0; i < LONGEST_NUMBER; i++) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) throw bad(`found ${this.#bytes.length} bytes, expected a header`);
      value += (byte & 127) * 128 ** i;
      if (byte > 127) continue;
      if (value > most) throw bad(`found ${value} in a header, expected at most ${most}`);
      if (byte === 0 && i > 0) throw bad("found a number in more bytes than it needs");
      return value;
    }
    throw bad(`found a number of more than ${LONGEST_NUMBER} bytes`);
  }

  take(count: number, most?: number): number[] {
    return Array.from({ length: count }, () => this.next(most));
  }
}
