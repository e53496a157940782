/**
 * Reads zip archives by random access: the directory at the end first, then only the entries that
 * are asked for. Both checkpoints of PyTorch and npz files are such archives. Written after PKWARE's
 * APPNOTE 6.3.10, sections 4.3 (structure), 4.4 (fields) and 4.5.3 (zip64).
 *
 * Where two readers could disagree about an archive it is refused: entries of one name, entries that
 * overlap, bytes before the archive, local headers that name something else. Names are only keys and
 * never become paths.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import type { ByteSource } from "./byte_source.ts";
import { TransportError } from "./errors.ts";

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
const LOCAL_SIZE = 30;
const LOCAL_MAGIC = 0x04034b50;
const MAX_COMMENT = 0xffff;
const MAX_DIRECTORY = 1 << 28;
/** Deflate can make at most 1,032 bytes of one (RFC 1951: 258 bytes in two bits). */
const MAX_RATIO = 1032;
/** Encrypted (bit 0), patched (5), strong encryption (6), masked headers (13). */
const REFUSED_FLAGS = 0b10_0000_0110_0001;
const UTF8_FLAG = 1 << 11;
const CHUNK = 1 << 20;

type Bytes = Uint8Array<ArrayBuffer>;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A 64-bit field as a number; fields above 2^53 become Infinity, which every bound refuses. */
function u64(view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true));
  return Number.isSafeInteger(value) ? value : Infinity;
}

interface Directory {
  offset: number;
  size: number;
  count: number;
  /** Where the records at the end of the archive begin. */
  end: number;
}

function broken(source: ByteSource, what: string): TransportError {
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

async function readEnd64(source: ByteSource, locator: DataView, end: number): Promise<Directory> {
  const offset = u64(locator, 8);
  if (offset + END64_SIZE > end) throw broken(source, "the zip64 locator points past the end");
  const record = viewOf(await source.read(offset, END64_SIZE));
  if (record.getUint32(0, true) !== END64_MAGIC) {
    throw broken(source, "the zip64 locator does not point at a zip64 end record");
  }
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
    if (at !== undefined) return { view, start, at };
  }
  throw broken(source, "found no end record; it is cut or is no zip archive");
}

async function findDirectory(source: ByteSource): Promise<Directory> {
  const { view: tail, start, at } = await readTail(source);
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

interface CentralRecord {
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

function readName(source: ByteSource, bytes: Uint8Array, flags: number): string {
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
      `Cannot read zip archive ${source.name}: ${about} ${what}; stored and deflated are allowed`,
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
function checkOverlap(source: ByteSource, records: CentralRecord[], directory: number): void {
  const sorted = [...records].sort((a, b) => a.entry.headerOffset - b.entry.headerOffset);
  sorted.forEach(({ entry, end }, i) => {
    const limit = sorted[i + 1]?.entry.headerOffset ?? directory;
    if (end <= limit) return;
    throw broken(source, `entry ${JSON.stringify(entry.name)} overlaps what lies behind it`);
  });
}

async function readDirectory(source: ByteSource, place: Directory): Promise<CentralRecord[]> {
  if (place.offset + place.size !== place.end) {
    throw broken(source, "the central directory does not end where the end record begins");
  }
  if (place.size > MAX_DIRECTORY) {
    throw new TransportError(
      "limit",
      `Cannot read zip archive ${source.name}: its directory has ${place.size} bytes, at most ${MAX_DIRECTORY} are allowed`,
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

function badChecksum(what: string): TransportError {
  return new TransportError("checksum", `Cannot read ${what}: its CRC-32 does not match`);
}

/** Passes bytes on while counting and checking them against the entry's size and CRC-32. */
function verifier(source: ByteSource, entry: ZipEntry, check: boolean) {
  const about = `Cannot read ${JSON.stringify(entry.name)} of ${source.name}`;
  let size = 0;
  let sum = 0;
  return new TransformStream<Uint8Array, Bytes>({
    transform(chunk, controller) {
      size += chunk.length;
      if (size > entry.size) {
        throw new TransportError("format", `${about}: more bytes than its ${entry.size}`);
      }
      if (check) sum = crc32(chunk, sum);
      controller.enqueue(chunk as Bytes);
    },
    flush() {
      if (size !== entry.size) {
        throw new TransportError(
          "format",
          `${about}: found ${size} bytes, the directory says ${entry.size}`,
        );
      }
      if (check && sum !== entry.crc32) {
        throw badChecksum(`${JSON.stringify(entry.name)} of ${source.name}`);
      }
    },
  });
}

/** Options of {@linkcode ZipReader.open}. */
export interface ZipReaderOptions {
  /**
   * Takes a recorded CRC-32 of zero as "not recorded", as PyTorch writes it when its checksums are
   * switched off (`torch.serialization.set_crc32_options`). Default: false.
   */
  readonly zeroCrcMeansNone?: boolean;
}

/** A zip archive, opened by its directory. */
export class ZipReader {
  readonly #entries: Map<string, ZipEntry>;
  readonly #source: ByteSource;
  readonly #directory: number;
  readonly #zeroCrcMeansNone: boolean;

  private constructor(source: ByteSource, records: CentralRecord[], end: number, zero: boolean) {
    this.#source = source;
    this.#entries = new Map(records.map(({ entry }) => [entry.name, entry]));
    this.#directory = end;
    this.#zeroCrcMeansNone = zero;
  }

  /**
   * Reads an archive's directory.
   *
   * @throws {TransportError} `format`, `unsupported` or `limit`
   */
  static async open(source: ByteSource, options: ZipReaderOptions = {}): Promise<ZipReader> {
    const place = await findDirectory(source);
    const records = await readDirectory(source, place);
    checkOverlap(source, records, place.offset);
    const { zeroCrcMeansNone = false } = options;
    const reader = new ZipReader(source, records, place.offset, zeroCrcMeansNone);
    if (reader.#entries.size === records.length) return reader;
    throw broken(source, "two entries have the same name");
  }

  /** The entries by name, in the directory's order. */
  get entries(): ReadonlyMap<string, ZipEntry> {
    return this.#entries;
  }

  /**
   * Where an entry's bytes begin in the archive, found in its local header.
   *
   * @throws {TransportError} `format`: the local header contradicts the directory
   */
  async dataOffset(entry: ZipEntry): Promise<number> {
    const source = this.#source;
    const head = viewOf(await source.read(entry.headerOffset, LOCAL_SIZE));
    const about = `the local header of ${JSON.stringify(entry.name)}`;
    if (head.getUint32(0, true) !== LOCAL_MAGIC) throw broken(source, `${about} has no signature`);
    const nameLength = head.getUint16(26, true);
    const nameBytes = await source.read(entry.headerOffset + LOCAL_SIZE, nameLength);
    if (readName(source, nameBytes, head.getUint16(6, true)) !== entry.name) {
      throw broken(source, `${about} has another name`);
    }
    const offset = entry.headerOffset + LOCAL_SIZE + nameLength + head.getUint16(28, true);
    if (offset + entry.compressedSize <= this.#directory) return offset;
    throw broken(source, `${JSON.stringify(entry.name)} runs into the directory`);
  }

  /**
   * Streams an entry's bytes, decompressed, a megabyte or less at a time; size and CRC-32 are
   * checked at the end.
   */
  stream(entry: ZipEntry): ReadableStream<Uint8Array<ArrayBuffer>> {
    const raw = ReadableStream.from(this.#chunks(entry));
    const plain = entry.stored ? raw : raw.pipeThrough(this.#inflater(entry));
    return plain.pipeThrough(verifier(this.#source, entry, this.#checks(entry)));
  }

  /**
   * Reads a whole entry, decompressed and checked.
   *
   * @throws {TransportError} `checksum`: the bytes are not those of the CRC-32
   */
  async read(entry: ZipEntry): Promise<Uint8Array<ArrayBuffer>> {
    return entry.stored ? await this.#readStored(entry) : await this.#readDeflated(entry);
  }

  async #readStored(entry: ZipEntry): Promise<Bytes> {
    const bytes = await this.#source.read(await this.dataOffset(entry), entry.size);
    if (this.#checks(entry) && crc32(bytes) !== entry.crc32) {
      throw badChecksum(`${JSON.stringify(entry.name)} of ${this.#source.name}`);
    }
    return bytes;
  }

  async #readDeflated(entry: ZipEntry): Promise<Bytes> {
    const bytes = new Uint8Array(entry.size);
    let at = 0;
    for await (const chunk of this.stream(entry)) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  #checks(entry: ZipEntry): boolean {
    return !(this.#zeroCrcMeansNone && entry.crc32 === 0);
  }

  /**
   * Reads a part of a stored entry, without a check of its CRC-32 (which covers the whole entry).
   *
   * @throws {TransportError} `unsupported`: the entry is compressed
   */
  async readRange(
    entry: ZipEntry,
    offset: number,
    length: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (!entry.stored) {
      throw new TransportError(
        "unsupported",
        `Cannot read a part of ${JSON.stringify(entry.name)}: it is compressed`,
      );
    }
    if (offset + length > entry.size) {
      throw broken(this.#source, `a range passes the end of ${JSON.stringify(entry.name)}`);
    }
    return await this.#source.read(await this.dataOffset(entry) + offset, length);
  }

  async *#chunks(entry: ZipEntry): AsyncGenerator<Bytes> {
    const start = await this.dataOffset(entry);
    for (let at = 0; at < entry.compressedSize; at += CHUNK) {
      yield await this.#source.read(start + at, Math.min(CHUNK, entry.compressedSize - at));
    }
  }

  #inflater(entry: ZipEntry): ReadableWritablePair<Bytes, Bytes> {
    const { readable, writable } = new DecompressionStream("deflate-raw");
    const about = `Cannot read ${JSON.stringify(entry.name)} of ${this.#source.name}`;
    async function* typed(): AsyncGenerator<Bytes> {
      try {
        yield* readable as ReadableStream<Bytes>;
      } catch (cause) {
        if (cause instanceof TransportError) throw cause;
        throw new TransportError("format", `${about}: damaged deflate data`, { cause });
      }
    }
    return { readable: ReadableStream.from(typed()), writable };
  }
}
