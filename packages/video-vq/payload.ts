/**
 * A window of tokens as the payload of a message: 48 bytes that say what it is, the tokens as
 * packed bits or range coded, and, only where frames are not evenly spaced, their times.
 *
 * | offset | bytes | field, little-endian |
 * |---|---|---|
 * | 0 | 1 | version, 1 |
 * | 1 | 1 | coding: 0 packed bits, 1 range coded |
 * | 2 | 1 | valid frames |
 * | 3 | 1 | flags: 1 a table of times follows; the others zero |
 * | 4 | 4 × 2 | latent: channels, frames, rows, columns |
 * | 12 | 2 × 2 | picture: columns, rows |
 * | 16 | 2 × 4 | frames a second: numerator, denominator |
 * | 24 | 8 | when the first frame came in, milliseconds since 1970 (float64) |
 * | 32 | 4 | seconds that encoding took (float32) |
 * | 36 | 4 | CRC-32 of the packed bits |
 * | 40 | 8 | when the window was sent, milliseconds since 1970 (float64) |
 *
 * The table gives the end of each valid frame in microseconds after the start of the first.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { VideoVqError } from "./errors.ts";
import type { TokenDecoder, TokenEncoder } from "./range_coder.ts";
import { packedSize, type Tokens, tokensFromPacked, type TokenShape } from "./tokens.ts";

/** Bytes before the tokens. */
export const PAYLOAD_HEADER_SIZE = 48;

/** A number of frames a second as a fraction. */
export type FrameRate = readonly [numerator: number, denominator: number];

/** A window of tokens with all that the far end must know to show it. */
export interface TokenWindow {
  /** The tokens. */
  readonly tokens: Tokens;
  /** Frames to keep of those that decoding gives. */
  readonly validFrames: number;
  /** Columns of a frame. */
  readonly width: number;
  /** Rows of a frame. */
  readonly height: number;
  /** Nominal rate of the source. */
  readonly frameRate: FrameRate;
  /** Presentation times of the valid frames in seconds, then the end of the last one. */
  readonly times: readonly number[];
  /** When the first frame came in, in milliseconds since 1970; 0 where unknown. */
  readonly capturedAt: number;
  /** Seconds that encoding took. */
  readonly encodeSeconds: number;
  /** When the window was sent, in milliseconds since 1970; 0 where unknown. */
  readonly sentAt: number;
}

/** What is in a payload, with the tokens not yet decoded. */
export interface WindowHeader extends Omit<TokenWindow, "tokens"> {
  /** Size of the latent. */
  readonly shape: TokenShape;
  /** How the tokens are coded. */
  readonly coding: "packed" | "range";
  /** CRC-32 of the packed bits. */
  readonly checksum: number;
  /** The coded tokens: a view. */
  readonly coded: Uint8Array;
}

/** More positions than any window has: what is refused before anything is allocated. */
const MOST_BITS = 2 ** 26;
/** Times that differ less from an even spacing are taken as even. */
const EVEN = 0.0005;

/**
 * Writes a window.
 *
 * @param coder range codes the tokens; without it, or where it does not help, they go as packed
 * bits
 * @param key whether decoding can begin here
 */
export function encodeWindow(
  window: TokenWindow,
  coder?: TokenEncoder,
  key = true,
): Uint8Array<ArrayBuffer> {
  const { tokens: { shape, packed }, validFrames, times } = window;
  const coded = coder?.encode(window.tokens, key);
  const table = isEven(window) ? [] : times.slice(1).map((time) => time - times[0]!);
  const body = coded ?? packed;
  const out = new Uint8Array(PAYLOAD_HEADER_SIZE + table.length * 4 + body.length);
  const view = new DataView(out.buffer);
  view.setUint8(0, 1);
  view.setUint8(1, coded ? 1 : 0);
  view.setUint8(2, validFrames);
  view.setUint8(3, table.length > 0 ? 1 : 0);
  [shape.channels, shape.frames, shape.height, shape.width, window.width, window.height]
    .forEach((value, i) => view.setUint16(4 + 2 * i, value, true));
  view.setUint32(16, window.frameRate[0], true);
  view.setUint32(20, window.frameRate[1], true);
  view.setFloat64(24, window.capturedAt, true);
  view.setFloat32(32, window.encodeSeconds, true);
  view.setUint32(36, crc32(packed), true);
  view.setFloat64(40, window.sentAt, true);
  table.forEach((time, i) =>
    view.setUint32(PAYLOAD_HEADER_SIZE + 4 * i, Math.round(time * 1e6), true)
  );
  out.set(body, PAYLOAD_HEADER_SIZE + table.length * 4);
  return out;
}

/**
 * Reads what a payload says of itself.
 *
 * @param pts time of the first frame in seconds, from the message
 * @throws {VideoVqError} `bad-window`
 */
export function readHeader(payload: Uint8Array, pts = 0): WindowHeader {
  if (payload.length < PAYLOAD_HEADER_SIZE) {
    throw bad(`found ${payload.length} bytes, the header takes ${PAYLOAD_HEADER_SIZE}`);
  }
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const [version, coding, validFrames, flags] = payload as unknown as [
    number,
    number,
    number,
    number,
  ];
  if (version !== 1) throw bad(`found version ${version}, known is 1`);
  if (coding > 1 || flags > 1) throw bad(`unknown coding ${coding} or flags ${flags}`);
  const shape = readShape(view);
  const start = PAYLOAD_HEADER_SIZE + flags * validFrames * 4;
  if (validFrames < 1 || payload.length < start) {
    throw bad(`${validFrames} valid frames do not go with ${payload.length} bytes`);
  }
  const frameRate: FrameRate = [view.getUint32(16, true), view.getUint32(20, true)];
  if (frameRate[0] === 0 || frameRate[1] === 0) throw bad(`frame rate ${frameRate.join("/")}`);
  return {
    shape,
    coding: coding === 1 ? "range" : "packed",
    validFrames,
    width: view.getUint16(12, true),
    height: view.getUint16(14, true),
    frameRate,
    times: readTimes(view, pts, validFrames, frameRate, flags === 1),
    capturedAt: view.getFloat64(24, true),
    encodeSeconds: view.getFloat32(32, true),
    checksum: view.getUint32(36, true),
    sentAt: view.getFloat64(40, true),
    coded: payload.subarray(start),
  };
}

/**
 * Reads a window.
 *
 * @param pts time of the first frame in seconds, from the message
 * @param coder what the windows before taught; needed for range coded windows, and must see all
 * windows of a stream that has any
 * @param key whether the message is a key window
 * @throws {VideoVqError} `bad-window` where the bytes are damaged, `missing-context` where the
 * window builds on others that the coder has not seen.
 */
export function decodeWindow(
  payload: Uint8Array,
  pts = 0,
  coder?: TokenDecoder,
  key = true,
): TokenWindow {
  const { coding, coded, checksum, shape, ...rest } = readHeader(payload, pts);
  const tokens = coding === "packed"
    ? readPacked(coded, shape)
    : readRange(coded, shape, coder, key);
  if (crc32(tokens.packed) !== checksum) {
    coder?.forget();
    throw bad("the tokens are not those that the checksum promises");
  }
  if (coding === "packed" && coder && (key || coder.follows(shape))) coder.learn(tokens, key);
  return { tokens, ...rest };
}

function readPacked(coded: Uint8Array, shape: TokenShape): Tokens {
  try {
    return tokensFromPacked(coded, shape);
  } catch (error) {
    throw bad("the packed bits do not go with the shape", error);
  }
}

function readRange(
  coded: Uint8Array,
  shape: TokenShape,
  coder: TokenDecoder | undefined,
  key: boolean,
): Tokens {
  if (!coder || !(key || coder.follows(shape))) {
    throw new VideoVqError(
      "Cannot decode a window: it builds on windows that did not arrive; decoding begins again at the next key window",
      "missing-context",
    );
  }
  if (coded.length >= packedSize(shape)) throw bad("the range coded tokens are too long");
  return coder.decode(coded, shape, key);
}

function readShape(view: DataView): TokenShape {
  const [channels, frames, height, width] = [4, 6, 8, 10].map((at) => view.getUint16(at, true)) as [
    number,
    number,
    number,
    number,
  ];
  const bits = channels * frames * height * width;
  if (bits < 1 || bits > MOST_BITS || channels > 30) {
    throw bad(`a latent of ${channels}x${frames}x${height}x${width} is not possible`);
  }
  return { channels, frames, height, width };
}

function readTimes(
  view: DataView,
  pts: number,
  count: number,
  [numerator, denominator]: FrameRate,
  hasTable: boolean,
): number[] {
  const after = (i: number) =>
    hasTable
      ? view.getUint32(PAYLOAD_HEADER_SIZE + 4 * (i - 1), true) / 1e6
      : i * denominator / numerator;
  return Array.from({ length: count + 1 }, (_, i) => i === 0 ? pts : pts + after(i));
}

function isEven({ times, frameRate: [numerator, denominator] }: TokenWindow): boolean {
  return times.every((time, i) => Math.abs(time - times[0]! - i * denominator / numerator) < EVEN);
}

function bad(found: string, cause?: unknown): VideoVqError {
  return new VideoVqError(`Cannot read a window: ${found}`, "bad-window", { cause });
}
