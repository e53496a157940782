/**
 * Reads zip archives by random access: the directory at the end first, then only the entries that
 * are requested. Both checkpoints of PyTorch and npz files are such archives. Written after PKWARE's
 * APPNOTE 6.3.10, sections 4.3 (structure), 4.4 (fields) and 4.5.3 (zip64).
 *
 * Where two readers could disagree about an archive it is refused: entries of one name, entries that
 * overlap, bytes before the archive, local headers that name something else. Names are only keys and
 * never become paths.
 *
 * @module
 */
import { crc32 } from "./crc32.ts";
import { type ByteSource, readAhead } from "../io/byte_source.ts";
import { TransportError } from "../errors.ts";
import { streamOf } from "../io/stream_of.ts";
import {
  broken,
  checkOverlap,
  findDirectory,
  LOCAL_SIZE,
  readDirectory,
  readName,
  viewOf,
  type ZipEntry,
} from "./zip_directory.ts";

export type { ZipEntry } from "./zip_directory.ts";

const LOCAL_MAGIC = 0x04034b50;
const CHUNK = 1 << 20;
/** Deflated bytes that are inflated at a time: they may become a thousand times as many. */
const DEFLATED = 4096;

type Bytes = Uint8Array<ArrayBuffer>;

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
  readonly #entries: ReadonlyMap<string, ZipEntry>;
  readonly #source: ByteSource;
  readonly #directory: number;
  readonly #zeroCrcMeansNone: boolean;

  private constructor(
    source: ByteSource,
    entries: ReadonlyMap<string, ZipEntry>,
    end: number,
    zero: boolean,
  ) {
    this.#source = source;
    this.#entries = entries;
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
    const entries = new Map(records.map(({ entry }) => [entry.name, entry]));
    if (entries.size < records.length) throw broken(source, "two entries have the same name");
    return new ZipReader(source, entries, place.offset, zeroCrcMeansNone);
  }

  /** The same archive for who reads all of it in order, entry by entry. */
  ahead(): ZipReader {
    const source = readAhead(this.#source);
    return new ZipReader(source, this.#entries, this.#directory, this.#zeroCrcMeansNone);
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
    const about = `the local header of ${JSON.stringify(entry.name)}`;
    const { bytes, nameLength, extraLength, flags } = await this.#localHeader(entry, about);
    if (readName(source, bytes.subarray(LOCAL_SIZE), flags) !== entry.name) {
      throw broken(source, `${about} has another name`);
    }
    const offset = entry.headerOffset + LOCAL_SIZE + nameLength + extraLength;
    if (offset + entry.compressedSize <= this.#directory) return offset;
    throw broken(source, `${JSON.stringify(entry.name)} runs into the directory`);
  }

  /** Reads a local header with its name: in one go where the name is as long as it should be. */
  async #localHeader({ name, headerOffset }: ZipEntry, about: string) {
    const source = this.#source;
    const likely = LOCAL_SIZE + new TextEncoder().encode(name).length;
    const first = await source.read(headerOffset, Math.min(likely, source.size - headerOffset));
    const view = viewOf(first);
    if (view.getUint32(0, true) !== LOCAL_MAGIC) throw broken(source, `${about} has no signature`);
    const nameLength = view.getUint16(26, true);
    const length = LOCAL_SIZE + nameLength;
    const bytes = length <= first.length
      ? first.subarray(0, length)
      : await source.read(headerOffset, length);
    const extraLength = view.getUint16(28, true);
    return { bytes, nameLength, extraLength, flags: view.getUint16(6, true) };
  }

  /**
   * Streams an entry's bytes, decompressed, a few megabytes or less at a time; size and CRC-32 are
   * checked at the end.
   */
  stream(entry: ZipEntry): ReadableStream<Uint8Array<ArrayBuffer>> {
    const raw = streamOf(this.#chunks(entry));
    const plain = entry.stored ? raw : raw.pipeThrough(this.#inflater(entry));
    return plain.pipeThrough(verifier(this.#source, entry, this.#checks(entry)));
  }

  /**
   * Reads an entry, decompressed and checked.
   *
   * @throws {TransportError} `checksum`: the bytes do not match the CRC-32
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
      const bytes = await this.#source.read(start + at, Math.min(CHUNK, entry.compressedSize - at));
      const step = entry.stored ? bytes.length : DEFLATED;
      for (let from = 0; from < bytes.length; from += step) yield bytes.subarray(from, from + step);
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
    return { readable: streamOf(typed()), writable };
  }
}
