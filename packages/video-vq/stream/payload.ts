/**
 * A window of tokens as the payload of a message: a header that says what it is, the tokens as
 * packed bits or range coded, and, only where frames are not evenly spaced, their times. Version 2 of
 * the header (`compact_header.ts`) says in about 27 bytes what version 1 says in 48, and is written
 * to receivers that are known to read it; both are read. Version 1:
 *
 * | offset | bytes | field, little-endian |
 * |---|---|---|
 * | 0 | 1 | version, 1 |
 * | 1 | 1 | coding: 0 packed bits, 1 range coded, 2 with mixed contexts; plus 16 if frames have bars, 32 if they are stretched |
 * | 2 | 1 | valid frames |
 * | 3 | 1 | times: 0 evenly spaced; a table follows: 1 of u32 microseconds, 2 of float64 seconds |
 * | 4 | 4 × 2 | latent: channels, frames, rows, columns |
 * | 12 | 2 × 2 | frame: columns, rows; with bars, of the picture in its middle; if stretched, the source's shape |
 * | 16 | 2 × 4 | frames per second: numerator, denominator |
 * | 24 | 8 | when the first frame was captured, milliseconds since 1970 (float64) |
 * | 32 | 4 | seconds that encoding took (float32) |
 * | 36 | 4 | CRC-32 of the packed bits |
 * | 40 | 8 | when the window was sent, milliseconds since 1970 (float64) |
 *
 * The table gives the end of each valid frame after the start of the first: in microseconds, or in
 * seconds if a gap is longer than 32 bits of microseconds, 71 minutes.
 *
 * @module
 */
import { crc32 } from "@vcs/transport/internal";
import { VideoVqError } from "../errors.ts";
import type { Picture } from "../frames/frame_fitter.ts";
import {
  compactHeader,
  type HeaderFields,
  readCompactHeader,
  type WindowCoding,
} from "./compact_header.ts";
import type { TokenCoding, TokenDecoder, TokenEncoder } from "../coder/range_coder.ts";
import { packedSize, type Tokens, tokensFromPacked, type TokenShape } from "./tokens.ts";
import { bad, checkFields, checkShape, type WindowLimits } from "./window_limits.ts";

/** Bytes of a header of version 1. */
export const PAYLOAD_HEADER_SIZE = 48;

/** Frames per second as a fraction. */
export type FrameRate = readonly [numerator: number, denominator: number];

/** A window of tokens with all that the peer must know to show it. */
export interface TokenWindow {
  /** The tokens. */
  readonly tokens: Tokens;
  /** Frames to keep of those that decoding produces. */
  readonly validFrames: number;
  /** Columns of a frame. */
  readonly width: number;
  /** Rows of a frame. */
  readonly height: number;
  /** Nominal rate of the source. */
  readonly frameRate: FrameRate;
  /** Presentation times of the valid frames in seconds, then the end of the last one. */
  readonly times: readonly number[];
  /** When the first frame was captured, in milliseconds since 1970; 0 if unknown. */
  readonly capturedAt: number;
  /** Seconds that encoding took. */
  readonly encodeSeconds: number;
  /** When the window was sent, in milliseconds since 1970; 0 if unknown. */
  readonly sentAt: number;
  /** What a frame shows of its source. Default: all of it is the picture. */
  readonly picture?: Picture;
}

/** What is in a payload, with the tokens not yet decoded. */
export interface WindowHeader extends Omit<TokenWindow, "tokens"> {
  /** Size of the latent. */
  readonly shape: TokenShape;
  /** How the tokens are coded. */
  readonly coding: WindowCoding;
  /** CRC-32 of the packed bits. */
  readonly checksum: number;
  /** The coded tokens: a view. */
  readonly coded: Uint8Array;
}

/** Seconds that an even spacing may differ from the times: what a table of them would, too. */
const EVEN = 0.5e-6;
/** Seconds that fit into 32 bits of microseconds. */
const LONGEST = 4294;
/** Bytes of a time in each kind of table: none, microseconds, seconds. */
const TIME_BYTES = [0, 4, 8] as const;
type TimeTable = 0 | 1 | 2;
/** Codings by their numbers. */
const CODINGS: readonly WindowCoding[] = ["packed", "range", "mixed"];
/** Bits beside the coding that say how a source was fitted. */
const FITS = { pad: 16, stretch: 32 } as const;
/** Pixels of a frame's side for each position, where no decoder says otherwise. */
const SCALE = 8;

/** The capability of receivers that read windows of version 2. */
export const WINDOW_VERSION_2 = "video-window-2";

/** Versions of a window: 1 is read by every receiver, 2 is shorter: its header and its range coding. */
export type WindowVersion = 1 | 2;

/**
 * Writes a window.
 *
 * @param coder range codes the tokens; without it, or if it does not help, they are packed bits
 * @param key whether decoding can begin here
 * @param version of the header. Default: 1. A window with a number that version 2 cannot say is
 * written in version 1.
 */
export function encodeWindow(
  window: TokenWindow,
  coder?: TokenEncoder,
  key = true,
  version: WindowVersion = 1,
): Uint8Array<ArrayBuffer> {
  const { tokens: { shape, packed }, validFrames, times, picture, ...rest } = window;
  const coded = coder?.encode(window.tokens, key);
  const table = tableFor(window);
  const { width, height } = picture ?? window;
  const fields: HeaderFields = {
    ...{ coding: coded && coder ? coder.coding : "packed", table, fit: picture?.fit },
    ...{ validFrames, shape },
    ...{ ...rest, size: [width, height], checksum: crc32(packed) },
  };
  const header = (version === 2 && compactHeader(fields)) || fixedHeader(fields);
  const body = coded ?? packed;
  const start = header.length + TIME_BYTES[table] * validFrames;
  const out = new Uint8Array(start + body.length);
  out.set(header);
  if (table !== 0) writeTimes(new DataView(out.buffer, header.length), times, table);
  out.set(body, start);
  return out;
}

/** A header of version 1. */
function fixedHeader(fields: HeaderFields): Uint8Array {
  const { shape, fit, size } = fields;
  const header = new Uint8Array(PAYLOAD_HEADER_SIZE);
  const view = new DataView(header.buffer);
  view.setUint8(0, 1);
  view.setUint8(1, CODINGS.indexOf(fields.coding) + (fit ? FITS[fit] : 0));
  view.setUint8(2, fields.validFrames);
  view.setUint8(3, fields.table);
  [shape.channels, shape.frames, shape.height, shape.width, ...size]
    .forEach((value, i) => view.setUint16(4 + 2 * i, value, true));
  view.setUint32(16, fields.frameRate[0], true);
  view.setUint32(20, fields.frameRate[1], true);
  view.setFloat64(24, fields.capturedAt, true);
  view.setFloat32(32, fields.encodeSeconds, true);
  view.setUint32(36, fields.checksum, true);
  view.setFloat64(40, fields.sentAt, true);
  return header;
}

/**
 * Reads what a payload says of itself, and checks it, before anything is made of it.
 *
 * @param pts time of the first frame in seconds, from the message
 * @throws {VideoVqError} `bad-window`
 */
export function readHeader(
  payload: Uint8Array,
  pts = 0,
  limits: WindowLimits = {},
): WindowHeader {
  const found = payload[0] === 2 ? readCompactHeader(payload) : readFixedHeader(payload);
  const { shape, fit, coding, checksum, capturedAt, encodeSeconds, sentAt } = found;
  checkShape(shape, limits);
  const [width, height] = found.size;
  const { scale = SCALE } = limits;
  const { coded, ...timing } = readTiming(payload, found, pts);
  const fields = {
    ...(fit ? { width: shape.width * scale, height: shape.height * scale } : { width, height }),
    ...(fit && { picture: { fit, width, height } }),
    ...timing,
    ...{ capturedAt, encodeSeconds, sentAt },
  };
  checkFields(fields, shape, limits);
  return { shape, coding, ...fields, checksum, coded };
}

/** A header, and where it ends. */
type FoundHeader = HeaderFields & { readonly start: number };

function readFixedHeader(payload: Uint8Array): FoundHeader {
  if (payload.length < PAYLOAD_HEADER_SIZE) {
    throw bad(`found ${payload.length} bytes, expected a header of ${PAYLOAD_HEADER_SIZE}`);
  }
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const [version, kind] = payload as unknown as [number, number];
  if (version !== 1) throw bad(`found version ${version}, expected 1 or 2`);
  const coding = CODINGS[kind & 15];
  if (!coding || kind >> 4 > 2) {
    throw bad(`found coding ${kind}, expected 0 to 2, 16 to 18 or 32 to 34`);
  }
  return {
    coding,
    fit: ([undefined, "pad", "stretch"] as const)[kind >> 4],
    validFrames: view.getUint8(2),
    table: view.getUint8(3),
    shape: readShape(view),
    size: [view.getUint16(12, true), view.getUint16(14, true)],
    frameRate: [view.getUint32(16, true), view.getUint32(20, true)],
    capturedAt: view.getFloat64(24, true),
    encodeSeconds: view.getFloat32(32, true),
    checksum: view.getUint32(36, true),
    sentAt: view.getFloat64(40, true),
    start: PAYLOAD_HEADER_SIZE,
  };
}

/** The times of the frames, and what lies behind their table. */
function readTiming(
  payload: Uint8Array,
  { validFrames, frameRate, table: kind, start }: FoundHeader,
  pts: number,
): Pick<WindowHeader, "validFrames" | "frameRate" | "times" | "coded"> {
  if (kind > 2) throw bad(`found table of times ${kind}, expected 0 to 2`);
  const table = kind as TimeTable;
  const end = start + TIME_BYTES[table] * validFrames;
  if (payload.length < end) {
    throw bad(
      `found ${validFrames} valid frames in ${payload.length} bytes, expected ${end} or more`,
    );
  }
  const times = readTimes(payload.subarray(start, end), pts, validFrames, frameRate, table);
  return { validFrames, frameRate, times, coded: payload.subarray(end) };
}

/**
 * Reads a window.
 *
 * @param pts time of the first frame in seconds, from the message
 * @param coder has learned from the windows before; range coded windows need it, and it must see
 * all windows of their stream
 * @param key whether the message is a key window
 * @param limits what the window must keep to. Default: what any encoder of ours sends.
 * @throws {VideoVqError} `bad-window` if the bytes are damaged or beyond a limit, `missing-context`
 * if the window builds on others that the coder has not seen.
 */
export function decodeWindow(
  payload: Uint8Array,
  pts = 0,
  coder?: TokenDecoder,
  key = true,
  limits: WindowLimits = {},
): TokenWindow {
  const { coding, coded, checksum, shape, ...rest } = readHeader(payload, pts, limits);
  const tokens = coding === "packed"
    ? readPacked(coded, shape)
    : readRange(coded, shape, coder, key, coding);
  if (crc32(tokens.packed) !== checksum) {
    coder?.forget();
    throw bad("found tokens with another checksum");
  }
  if (coding === "packed" && coder && (key || coder.follows(shape))) coder.learn(tokens, key);
  return { tokens, ...rest };
}

function readPacked(coded: Uint8Array, shape: TokenShape): Tokens {
  try {
    return tokensFromPacked(coded, shape);
  } catch (error) {
    throw bad("found packed bits that do not fit the shape", error);
  }
}

function readRange(
  coded: Uint8Array,
  shape: TokenShape,
  coder: TokenDecoder | undefined,
  key: boolean,
  coding: TokenCoding,
): Tokens {
  if (!coder || !(key || coder.follows(shape, coding))) {
    throw new VideoVqError(
      "missing-context",
      "Cannot decode a window: the windows that it builds on did not arrive; decoding resumes at the next key window",
    );
  }
  if (coded.length >= packedSize(shape)) {
    throw bad("found more range coded bytes than packed bits take");
  }
  return coder.decode(coded, shape, key, coding);
}

function readShape(view: DataView): TokenShape {
  const [channels, frames, height, width] = [4, 6, 8, 10].map((at) => view.getUint16(at, true)) as [
    number,
    number,
    number,
    number,
  ];
  return { channels, frames, height, width };
}

function readTimes(
  written: Uint8Array,
  pts: number,
  count: number,
  [numerator, denominator]: FrameRate,
  table: TimeTable,
): number[] {
  const view = new DataView(written.buffer, written.byteOffset, written.byteLength);
  const at = (i: number) => TIME_BYTES[table] * (i - 1);
  const after = [
    (i: number) => i * denominator / numerator,
    (i: number) => view.getUint32(at(i), true) / 1e6,
    (i: number) => view.getFloat64(at(i), true),
  ][table]!;
  return Array.from({ length: count + 1 }, (_, i) => i === 0 ? pts : pts + after(i));
}

function writeTimes(view: DataView, times: readonly number[], table: 1 | 2): void {
  const at = (i: number) => TIME_BYTES[table] * (i - 1);
  for (let i = 1; i < times.length; i++) {
    const after = times[i]! - times[0]!;
    if (table === 1) view.setUint32(at(i), Math.round(after * 1e6), true);
    else view.setFloat64(at(i), after, true);
  }
}

/** The shortest table that keeps the times to a microsecond. */
function tableFor({ times, frameRate: [numerator, denominator] }: TokenWindow): TimeTable {
  const after = times.map((time) => time - times[0]!);
  const isEven = after.every((t, i) => Math.abs(t - i * denominator / numerator) < EVEN);
  if (isEven) return 0;
  return after.every((t) => t >= 0 && t < LONGEST) ? 1 : 2;
}
