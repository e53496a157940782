/**
 * The central directory of a zip archive: found from the end, read whole, checked.
 *
 * @module
 */
import type { ByteSource } from "../io/byte_source.ts";
import { TransportError } from "../errors.ts";

/** An entry of a zip archive, as its central directory describes it. */
export interface ZipEntry {
  /** Name, with slashes as the archive has them. */
  readonly name: string;
  /** Number of bytes once decompressed. */
  readonly size: number;
  /** Number of bytes in the archive. */
  readonly compressedSize: number;
  /** Whether the bytes lie uncompressed in the archive. */
  readonly stored: boolean;
  /** CRC-32 of the bytes once decompressed. */
  readonly crc32: number;
  /** Where the local header lies. */
  readonly headerOffset: number;
}

const END_SIZE = 22;
const END_MAGIC = 0x06054b50;
const LOCATOR_SIZE = 20;
const LOCATOR_MAGIC = 0x07064b50;
const END64_SIZE = 56;
const END64_MAGIC = 0x06064b50;
const CENTRAL_SIZE = 46;
const CENTRAL_MAGIC = 0x02014b50;
/** Bytes of a local header before the name. */
export const LOCAL_SIZE = 30;
const MAX_COMMENT = 0xffff;
/** Largest directory: room for half a million entries. */
const MAX_DIRECTORY = 1 << 26;
/** Deflate can make at most 1,032 bytes of one (RFC 1951: 258 bytes in two bits). */
const MAX_RATIO = 1032;
/** Encrypted (bit 0), patched (5), strong encryption (6), masked headers (13). */
const REFUSED_FLAGS = 0b10_0000_0110_0001;
const UTF8_FLAG = 1 << 11;

type Bytes = Uint8Array<ArrayBuffer>;

/** A view of the same bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A 64-bit field as a number; fields above 2^53 become Infinity, which every bound refuses. */
function u64(view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true));
  return Number.isSafeInteger(value) ? value : Infinity;
}

/** Where the central directory lies. */
export interface Directory {
  offset: number;
  size: number;
  count: number;
  /** Where the records at the end of the archive begin. */
  end: number;
}

/** The error for an archive that breaks the rules. */
export function broken(source: ByteSource, what: string): TransportError {
  return new TransportError("format", `Cannot read zip archive ${source.name}: ${what}`);
}

/** Position of the end record in the archive's tail; its comment must reach exactly to the end. */
function findEnd(tail: DataView): number | undefined {
  for (let at = tail.byteLength - END_SIZE; at >= 0; at--) {
    if (tail.getUint32(at, true) !== END_MAGIC) continue;
    if (at + END_SIZE + tail.getUint16(at + 20, true) === tail.byteLength) return at;
  }
  return undefined;
}

/** Refuses parts of archives that span several disks; 0xffff stands for "see zip64". */
function checkDisk(source: ByteSource, disk: number): void {
  if (disk === 0 || disk === 0xffff) return;
  throw new TransportError(
    "unsupported",
    `Cannot read zip archive ${source.name}: it is part ${disk} of several disks, expected one`,
  );
}

async function readEnd64(source: ByteSource, locator: DataView, end: number): Promise<Directory> {
  checkDisk(source, locator.getUint32(4, true));
  checkDisk(source, Math.max(0, locator.getUint32(16, true) - 1));
  const offset = u64(locator, 8);
  if (offset + END64_SIZE > end) throw broken(source, "the zip64 locator points past the end");
  const record = viewOf(await source.read(offset, END64_SIZE));
  if (record.getUint32(0, true) !== END64_MAGIC) {
    throw broken(source, "the zip64 locator does not point at a zip64 end record");
  }
  checkDisk(source, record.getUint32(16, true));
  return { count: u64(record, 32), size: u64(record, 40), offset: u64(record, 48), end: offset };
}

interface Tail {
  view: DataView;
  /** Where the tail begins in the archive. */
  start: number;
  /** Where the end record lies in the tail. */
  at: number;
}

/** Reads the end of the archive: little where it has no comment, as most have none, else more. */
async function readTail(source: ByteSource): Promise<Tail> {
  for (const comment of [0, MAX_COMMENT]) {
    const length = Math.min(source.size, END_SIZE + LOCATOR_SIZE + comment);
    const start = source.size - length;
    const view = viewOf(await source.read(start, length));
    const at = findEnd(view);
    // A short comment pushes the locator out of a short tail.
    const isWhole = at !== undefined && (at >= LOCATOR_SIZE || start === 0);
    if (isWhole) return { view, start, at };
  }
  throw broken(source, "found no end record; it is truncated or not a zip archive");
}

/** Finds the central directory by the records at the end. */
export async function findDirectory(source: ByteSource): Promise<Directory> {
  const { view: tail, start, at } = await readTail(source);
  checkDisk(source, tail.getUint16(at + 4, true));
  const locator = at - LOCATOR_SIZE;
  if (locator >= 0 && tail.getUint32(locator, true) === LOCATOR_MAGIC) {
    const field = new DataView(tail.buffer, tail.byteOffset + locator, LOCATOR_SIZE);
    return await readEnd64(source, field, start + locator);
  }
  return {
    count: tail.getUint16(at + 10, true),
    size: tail.getUint32(at + 12, true),
    offset: tail.getUint32(at + 16, true),
    end: start + at,
  };
}

/** Replaces the fields that say 0xffffffff by those of the zip64 extra field (4.5.3). */
function widen(extra: DataView, fields: number[]): number[] {
  for (let at = 0; at + 4 <= extra.byteLength;) {
    const length = extra.getUint16(at + 2, true);
    if (extra.getUint16(at, true) !== 1 || at + 4 + length > extra.byteLength) {
      at += 4 + length;
      continue;
    }
    let next = at + 4;
    return fields.map((field) => {
      if (field !== 0xffffffff || next + 8 > at + 4 + length) return field;
      next += 8;
      return u64(extra, next - 8);
    });
  }
  return fields;
}

function decodeName(bytes: Uint8Array, utf8: boolean): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (utf8) throw error;
    return new TextDecoder("latin1").decode(bytes);
  }
}

/** An entry and its place. */
export interface CentralRecord {
  entry: ZipEntry;
  /** Bytes that the record takes in the directory. */
  length: number;
  /** Where the entry's bytes end at the earliest: its local header may be longer. */
  end: number;
}

function parseCentral(source: ByteSource, bytes: Bytes, at: number): CentralRecord {
  const view = viewOf(bytes);
  if (at + CENTRAL_SIZE > bytes.length) throw broken(source, "the central directory is cut");
  if (view.getUint32(at, true) !== CENTRAL_MAGIC) {
    throw broken(source, "a record of the central directory lacks its signature");
  }
  const [nameLength, extraLength, commentLength] = [28, 30, 32]
    .map((field) => view.getUint16(at + field, true)) as [number, number, number];
  const length = CENTRAL_SIZE + nameLength + extraLength + commentLength;
  if (at + length > bytes.length) throw broken(source, "the central directory is cut");
  const flags = view.getUint16(at + 8, true);
  const name = readName(source, bytes.subarray(at + 46, at + 46 + nameLength), flags);
  const extra = viewOf(bytes.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength));
  const [size, compressedSize, headerOffset] = widen(
    extra,
    [24, 20, 42].map((field) => view.getUint32(at + field, true)),
  ) as [number, number, number];
  const method = view.getUint16(at + 10, true);
  const entry = {
    name,
    size,
    compressedSize,
    stored: method === 0,
    crc32: view.getUint32(at + 16, true),
    headerOffset,
  };
  checkEntry(source, entry, method, flags);
  return { entry, length, end: headerOffset + LOCAL_SIZE + nameLength + compressedSize };
}

/** Decodes an entry's name: UTF-8, or Latin-1 where it is not and does not claim to be. */
export function readName(source: ByteSource, bytes: Uint8Array, flags: number): string {
  try {
    return decodeName(bytes, (flags & UTF8_FLAG) !== 0);
  } catch (cause) {
    throw new TransportError(
      "format",
      `Cannot read zip archive ${source.name}: an entry's name is not UTF-8`,
      { cause },
    );
  }
}

function checkEntry(source: ByteSource, entry: ZipEntry, method: number, flags: number): void {
  const about = `entry ${JSON.stringify(entry.name)}`;
  if ((flags & REFUSED_FLAGS) !== 0 || (method !== 0 && method !== 8)) {
    const what = (flags & REFUSED_FLAGS) !== 0
      ? "is encrypted or patched"
      : `has compression method ${method}`;
    throw new TransportError(
      "unsupported",
      `Cannot read zip archive ${source.name}: ${about} ${what}; expected stored or deflated`,
    );
  }
  if (entry.stored && entry.size !== entry.compressedSize) {
    throw broken(source, `${about} is stored, yet its two sizes differ`);
  }
  if (entry.size > entry.compressedSize * MAX_RATIO + 64) {
    throw broken(source, `${about} claims more bytes than deflate can make of its own`);
  }
}

/** Refuses entries that share bytes with one another or with the directory. */
export function checkOverlap(
  source: ByteSource,
  records: CentralRecord[],
  directory: number,
): void {
  const sorted = [...records].sort((a, b) => a.entry.headerOffset - b.entry.headerOffset);
  sorted.forEach(({ entry, end }, i) => {
    const limit = sorted[i + 1]?.entry.headerOffset ?? directory;
    if (end <= limit) return;
    throw broken(source, `entry ${JSON.stringify(entry.name)} overlaps what lies behind it`);
  });
}

/** Reads and checks the central directory. */
export async function readDirectory(
  source: ByteSource,
  place: Directory,
): Promise<CentralRecord[]> {
  if (place.offset + place.size !== place.end) {
    throw broken(source, "the central directory does not end where the end record begins");
  }
  if (place.size > MAX_DIRECTORY) {
    throw new TransportError(
      "limit",
      `Cannot read zip archive ${source.name}: its directory has ${place.size} bytes, expected at most ${MAX_DIRECTORY}`,
    );
  }
  const bytes = await source.read(place.offset, place.size);
  const records: CentralRecord[] = [];
  let at = 0;
  while (at < bytes.length) {
    const record = parseCentral(source, bytes, at);
    records.push(record);
    at += record.length;
  }
  if (records.length !== place.count) {
    throw broken(source, `found ${records.length} entries, the end record counts ${place.count}`);
  }
  return records;
}
