/**
 * Reads tar archives as a stream: ustar, with the long names of pax and GNU. An archive is not
 * trusted: only plain files with paths below its own top folder are given out, and their sizes are
 * bounded.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import { BufferedReader } from "../io/buffered_reader.ts";

/** A file of an archive. */
export interface TarFile {
  /** Its path below the archive's top folder, with slashes. */
  readonly path: string;
  /** Bytes of it. */
  readonly size: number;
  /** Whether it may be run. */
  readonly isExecutable: boolean;
  /** Its bytes, valid until the next are taken; what is not taken is skipped. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Bytes of a block: headers and bodies fill whole ones. */
const BLOCK = 512;
/** Most bytes of a long name or of pax records. */
const MAX_EXTENSION = 1 << 20;
/** Most bytes of all files. */
const MAX_BYTES = 2 ** 30;

/** Types of entries. */
const TYPE = {
  file: "0\0" + "7",
  folder: "5",
  longName: "L",
  longLink: "K",
  pax: "x",
  global: "g",
};

interface Header {
  readonly path: string;
  readonly size: number;
  readonly type: string;
  readonly isExecutable: boolean;
}

function fail(what: string, found: string): TransportError {
  return new TransportError("format", `Cannot read ${what}: ${found}`);
}

/** Text up to the first NUL. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** A number in octal digits. */
function octal(bytes: Uint8Array, what: string): number {
  const text = textOf(bytes).trim();
  if (!/^[0-7]*$/.test(text)) throw fail(what, `a number is ${JSON.stringify(text)}`);
  return parseInt(text || "0", 8);
}

function parseHeader(block: Uint8Array, what: string): Header {
  const field = (from: number, length: number) => block.subarray(from, from + length);
  const counted = block.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0);
  if (octal(field(148, 8), what) !== counted) throw fail(what, "the checksum of a header is wrong");
  const prefix = textOf(field(257, 5)) === "ustar" ? textOf(field(345, 155)) : "";
  const name = textOf(field(0, 100));
  return {
    path: prefix === "" ? name : `${prefix}/${name}`,
    size: octal(field(124, 12), what),
    type: String.fromCharCode(block[156]!),
    isExecutable: (octal(field(100, 8), what) & 0o111) !== 0,
  };
}

/** Records of pax, each "length key=value\n". */
function paxRecords(bytes: Uint8Array, what: string): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length;) {
    const digits = /^\d{1,7} /.exec(new TextDecoder().decode(bytes.subarray(at, at + 8)))?.[0] ??
      "";
    const end = at + Number(digits);
    const record = new TextDecoder().decode(bytes.subarray(at + digits.length, end));
    const equals = record.indexOf("=");
    if (end <= at || end > bytes.length || equals < 0 || !record.endsWith("\n")) {
      throw fail(what, "pax records are damaged");
    }
    records.set(record.slice(0, equals), record.slice(equals + 1, -1));
    at = end;
  }
  return records;
}

/** What an entry says of the file behind it. */
async function readExtension(
  reader: BufferedReader,
  { type, size }: Header,
  what: string,
): Promise<Partial<Header>> {
  if (size > MAX_EXTENSION) throw fail(what, `a name of ${size} bytes`);
  const bytes = await reader.take(size);
  await reader.skip(padding(size));
  if (type === TYPE.longName) return { path: textOf(bytes) };
  if (type !== TYPE.pax) return {};
  const records = paxRecords(bytes, what);
  const [path, length] = [records.get("path"), records.get("size")];
  if (length !== undefined && !/^\d{1,15}$/.test(length)) {
    throw fail(what, "a size is not a number");
  }
  return {
    ...(path !== undefined && { path }),
    ...(length !== undefined && { size: Number(length) }),
  };
}

function padding(size: number): number {
  return -size & (BLOCK - 1);
}

/** A path without the archive's top folder. */
function pathBelow(path: string, what: string): string {
  const [, ...names] = path.split("/").filter((name) => name !== "" && name !== ".");
  const isSafe = !path.startsWith("/") && !/[\\:\0]/.test(path) && !names.includes("..") &&
    !path.startsWith("..") && names.length > 0;
  if (!isSafe) throw fail(what, `the path ${JSON.stringify(path)} leads out of it`);
  return names.join("/");
}

/**
 * The files of an archive, one after the other.
 *
 * @param what what it is called in messages
 * @throws {TransportError} `format` where it is damaged, holds links, or a path leads out of it;
 * `truncated` where it ends too early; `limit` where its files have more than 1 GiB.
 */
export async function* tarFiles(
  stream: ReadableStream<Uint8Array>,
  what: string,
): AsyncGenerator<TarFile> {
  await using reader = BufferedReader.of(stream, what);
  let extension: Partial<Header> = {};
  let total = 0;
  while (!await reader.atEnd()) {
    const block = await reader.view(BLOCK);
    if (block.every((byte) => byte === 0)) return;
    const header = parseHeader(block, what);
    if ([TYPE.longName, TYPE.longLink, TYPE.pax, TYPE.global].includes(header.type)) {
      extension = { ...extension, ...await readExtension(reader, header, what) };
      continue;
    }
    const { path, size, type, isExecutable } = { ...header, ...extension };
    extension = {};
    if ((total += size) > MAX_BYTES) {
      throw new TransportError("limit", `Cannot read ${what}: its files have more than 1 GiB`);
    }
    if (type === TYPE.folder) continue;
    if (!TYPE.file.includes(type)) throw fail(what, `${path} is not a plain file`);
    const body = new Body(reader, size);
    yield { path: pathBelow(path, what), size, isExecutable, body };
    await reader.skip(body.left + padding(size));
  }
}

/** The bytes of one file. */
class Body implements AsyncIterable<Uint8Array> {
  left: number;
  readonly #reader: BufferedReader;

  constructor(reader: BufferedReader, size: number) {
    this.#reader = reader;
    this.left = size;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    while (this.left > 0) {
      const bytes = await this.#reader.units(1, this.left);
      // The reader's own error says how much is missing.
      if (bytes.length === 0) return void await this.#reader.skip(this.left);
      this.left -= bytes.length;
      yield bytes;
    }
  }
}
