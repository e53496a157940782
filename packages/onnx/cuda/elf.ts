/**
 * Which shared libraries a library of Linux needs: the entries NEEDED of its dynamic section (System
 * V ABI, chapters 4 and 5; 64 bits, little endian). The loader names only the first that it misses.
 *
 * @module
 */
import { type ByteSource, openByteSource } from "@vcs/transport/internal";

const HEADER_SIZE = 64;
const SEGMENT_SIZE = 56;
const ENTRY_SIZE = 16;
/** `\x7fELF`, 64 bits, little endian. */
const MAGIC = [0x7f, 0x45, 0x4c, 0x46, 2, 1];
/** Types of segments. */
const [LOAD, DYNAMIC] = [1, 2];
/** Tags of the dynamic section. */
const [NEEDED, STRING_TABLE, STRING_SIZE] = [1, 5, 10];
/** Most bytes of a dynamic section or its strings. */
const MAX_BYTES = 1 << 24;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

function number64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

async function viewOf(source: ByteSource, offset: number, length: number): Promise<DataView> {
  if (length > MAX_BYTES) {
    throw new RangeError(`Cannot read ${source.name}: a section has ${length} bytes`);
  }
  const bytes = await source.read(offset, length);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function readSegments(source: ByteSource, header: DataView): Promise<Segment[]> {
  const count = header.getUint16(56, true);
  const table = await viewOf(source, number64(header, 32), count * SEGMENT_SIZE);
  return Array.from({ length: count }, (_, i) => ({
    type: table.getUint32(i * SEGMENT_SIZE, true),
    offset: number64(table, i * SEGMENT_SIZE + 8),
    address: number64(table, i * SEGMENT_SIZE + 16),
    size: number64(table, i * SEGMENT_SIZE + 32),
  }));
}

/** Where an address of the loaded library lies in its file. */
function offsetOf(address: number, segments: readonly Segment[]): number {
  const segment = segments.find(({ type, address: start, size }) =>
    type === LOAD && address >= start && address < start + size
  );
  return segment === undefined ? address : address - segment.address + segment.offset;
}

/** Values of the dynamic section by tag. */
function readTags(section: DataView): Map<number, number[]> {
  const tags = new Map<number, number[]>();
  for (let at = 0; at + ENTRY_SIZE <= section.byteLength; at += ENTRY_SIZE) {
    const tag = number64(section, at);
    const values = tags.get(tag) ?? [];
    values.push(number64(section, at + 8));
    tags.set(tag, values);
  }
  return tags;
}

/**
 * Reads which libraries a library needs, as `libcudart.so.13`; of what is no such library, none.
 *
 * @throws {Deno.errors.NotFound} where the file is not there
 * @throws {RangeError | TransportError} where its tables lie outside of it
 */
export async function neededLibraries(path: string): Promise<string[]> {
  using source = await openByteSource(path);
  if (source.size < HEADER_SIZE) return [];
  const header = await viewOf(source, 0, HEADER_SIZE);
  if (!MAGIC.every((byte, i) => header.getUint8(i) === byte)) return [];
  const segments = await readSegments(source, header);
  const dynamic = segments.find(({ type }) => type === DYNAMIC);
  if (dynamic === undefined) return [];
  const tags = readTags(await viewOf(source, dynamic.offset, dynamic.size));
  const [[table = 0] = [], [size = 0] = []] = [tags.get(STRING_TABLE), tags.get(STRING_SIZE)];
  const { buffer } = await viewOf(source, offsetOf(table, segments), size);
  const text = new TextDecoder("latin1").decode(buffer);
  return (tags.get(NEEDED) ?? []).map((at) => text.slice(at, text.indexOf("\0", at)));
}
