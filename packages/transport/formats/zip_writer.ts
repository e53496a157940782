/**
 * Writes zip archives as streams, one entry after another (PKWARE's APPNOTE 6.3.10). Streams
 * always have their sizes in zip64 fields, so that there is one form for every size; names are UTF-8.
 *
 * @module
 */
import { crc32 } from "./crc32.ts";
import { concatBytes } from "../io/bytes.ts";
import { streamOf } from "../io/stream_of.ts";

/** An entry to be written. */
export interface ZipInput {
  /** Name, with slashes between its parts. */
  readonly name: string;
  /** The bytes, in one piece or several. */
  readonly parts: readonly Uint8Array[];
}

interface Written {
  name: Uint8Array;
  crc: number;
  method: number;
  size: number;
  compressedSize: number;
  offset: number;
  /** Whether sizes and offset are in the fields of zip64. */
  zip64: boolean;
}

const VERSION = 20;
const VERSION_ZIP64 = 45;
const UTF8_FLAG = 1 << 11;
const FULL = 0xffffffff;
/** 1980-01-01 in MS-DOS form: archives of the same content are the same bytes. */
const DATE = (1 << 5) | 1;

type Bytes = Uint8Array<ArrayBuffer>;
type Field = readonly [size: 2 | 4 | 8, value: number];

/** Writes little-endian fields one after another. */
function record(...fields: Field[]): Bytes {
  const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else if (size === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += size;
  }
  return bytes;
}

/** The fields that local and central headers share (4.3.7, 4.3.12). */
function commonFields(entry: Written, extraLength: number): Field[] {
  const { zip64 } = entry;
  return [
    [2, zip64 ? VERSION_ZIP64 : VERSION],
    [2, UTF8_FLAG],
    [2, entry.method],
    [2, 0],
    [2, DATE],
    [4, entry.crc],
    [4, zip64 ? FULL : entry.compressedSize],
    [4, zip64 ? FULL : entry.size],
    [2, entry.name.length],
    [2, zip64 ? extraLength : 0],
  ];
}

function localHeader(entry: Written): Bytes {
  return record([4, 0x04034b50], ...commonFields(entry, 20));
}

function localExtra({ size, compressedSize, zip64 }: Written): Bytes {
  if (!zip64) return record();
  return record([2, 1], [2, 16], [8, size], [8, compressedSize]);
}

function centralHeader(entry: Written): Bytes {
  return record(
    [4, 0x02014b50],
    [2, entry.zip64 ? VERSION_ZIP64 : VERSION],
    ...commonFields(entry, 28),
    [2, 0],
    [2, 0],
    [2, 0],
    [4, 0],
    [4, entry.zip64 ? FULL : entry.offset],
  );
}

function centralExtra({ size, compressedSize, offset, zip64 }: Written): Bytes {
  if (!zip64) return record();
  return record([2, 1], [2, 24], [8, size], [8, compressedSize], [8, offset]);
}

/** The end record (4.3.16). */
function endRecord(count: number, offset: number, size: number): Bytes {
  return record(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, count],
    [2, count],
    [4, size],
    [4, offset],
    [2, 0],
  );
}

/** The zip64 end record, its locator, and the end record (4.3.14 to 4.3.16). */
function zip64EndRecords(count: number, offset: number, size: number): Bytes {
  return record(
    [4, 0x06064b50],
    [8, 44],
    [2, VERSION_ZIP64],
    [2, VERSION_ZIP64],
    [4, 0],
    [4, 0],
    [8, count],
    [8, count],
    [8, size],
    [8, offset],
    [4, 0x07064b50],
    [4, 0],
    [8, offset + size],
    [4, 1],
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, 0xffff],
    [2, 0xffff],
    [4, FULL],
    [4, FULL],
    [2, 0],
  );
}

async function deflate(parts: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const stream = streamOf(parts as Bytes[])
    .pipeThrough<Uint8Array>(new CompressionStream("deflate-raw"));
  const deflated: Uint8Array[] = [];
  for await (const part of stream) deflated.push(part);
  return deflated;
}

function byteCount(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/** Writes entries, and then the directory of all. */
class Archive {
  readonly #written: Written[] = [];
  readonly #zip64: boolean;
  #offset = 0;

  constructor(zip64: boolean) {
    this.#zip64 = zip64;
  }

  /** An entry's header and body. */
  entry({ name, parts }: ZipInput, method: number, body: readonly Uint8Array[]): Uint8Array[] {
    const entry = {
      name: new TextEncoder().encode(name),
      crc: parts.reduce((sum, part) => crc32(part, sum), 0),
      method,
      size: byteCount(parts),
      compressedSize: byteCount(body),
      offset: this.#offset,
      zip64: this.#zip64,
    };
    this.#written.push(entry);
    const pieces = [localHeader(entry), entry.name, localExtra(entry), ...body];
    this.#offset += byteCount(pieces);
    return pieces;
  }

  /** What follows the entries. */
  directory(): Uint8Array[] {
    const headers = this.#written.flatMap((entry) => [
      centralHeader(entry),
      entry.name,
      centralExtra(entry),
    ]);
    const end = this.#zip64 ? zip64EndRecords : endRecord;
    return [...headers, end(this.#written.length, this.#offset, byteCount(headers))];
  }
}

async function* chunks(
  entries: Iterable<ZipInput> | AsyncIterable<ZipInput>,
  compress: boolean,
): AsyncGenerator<Uint8Array> {
  const archive = new Archive(true);
  for await (const input of entries) {
    const body = compress ? await deflate(input.parts) : input.parts;
    yield* archive.entry(input, compress ? 8 : 0, body);
  }
  yield* archive.directory();
}

/** Archives up to this size and number of entries have no zip64 fields. */
const PLAIN = { bytes: FULL - (1 << 24), entries: 0xffff - 1 };

/** Makes a zip archive in memory, its entries stored as they are. */
export function storedZip(entries: readonly ZipInput[]): Uint8Array<ArrayBuffer> {
  const bytes = entries.reduce((sum, { parts }) => sum + byteCount(parts), 0);
  const archive = new Archive(bytes > PLAIN.bytes || entries.length > PLAIN.entries);
  const pieces = entries.flatMap((input) => archive.entry(input, 0, input.parts));
  return concatBytes([...pieces, ...archive.directory()]);
}

/**
 * Makes a zip archive as a stream; one entry is held at a time.
 *
 * @param entries what to write; names are not compared: the caller makes them unique
 * @param compress whether entries are deflated. Default: false
 */
export function zipStream(
  entries: Iterable<ZipInput> | AsyncIterable<ZipInput>,
  compress = false,
): ReadableStream<Uint8Array> {
  return streamOf(chunks(entries, compress));
}
