/**
 * A tar archive (POSIX ustar) in parts that are compressed one by one: members of a gzip file may
 * follow one another, so what several archives share is compressed once.
 *
 * @module
 */

/** A file for an archive. */
export interface TarFile {
  /** Its path in the archive, with `/`, at most 255 bytes. */
  readonly path: string;
  /** What is in it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether it is a program. Default: false. */
  readonly executable?: boolean;
}

const BLOCK = 512;
const encoder = new TextEncoder();

/** Where a path is split into the header's two fields of 155 and 100 bytes. */
function splitPath(path: string): [prefix: string, name: string] {
  if (path.length <= 100) return ["", path];
  const slash = path.indexOf("/", path.length - 101);
  if (slash < 0 || slash > 155 || /[^\x20-\x7e]/.test(path)) {
    throw new RangeError(`Cannot archive: the path "${path}" is too long for a tar header`);
  }
  return [path.slice(0, slash), path.slice(slash + 1)];
}

const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");

function header({ path, bytes, executable }: TarFile): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  const put = (text: string, at: number) => block.set(encoder.encode(text), at);
  const [prefix, name] = splitPath(path);
  put(name, 0);
  put(executable ? "0000755" : "0000644", 100);
  put("0000000", 108);
  put("0000000", 116);
  put(octal(bytes.length, 11), 124);
  put(octal(0, 11), 136);
  put("        0", 148);
  put("ustar\x0000", 257);
  put(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${octal(sum, 6)}\0 `, 148);
  return block;
}

/** Files as a gzip member that holds their part of an archive, without the archive's end. */
export async function archivePart(
  files: readonly TarFile[],
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces = files.flatMap((file) => [
    header(file),
    file.bytes,
    new Uint8Array(-file.bytes.length & (BLOCK - 1)),
  ]);
  return await gzip(new Blob(pieces));
}

/** The end of an archive as a gzip member. */
export async function archiveEnd(): Promise<Uint8Array<ArrayBuffer>> {
  return await gzip(new Blob([new Uint8Array(2 * BLOCK)]));
}

async function gzip(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  return await new Response(blob.stream().pipeThrough(new CompressionStream("gzip"))).bytes();
}
