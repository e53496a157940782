/**
 * Tarballs for tests: written byte by byte, so that they can be wrong on purpose.
 *
 * @module
 */
import { concatBytes } from "@vcs/transport/internal";

/** One entry: its content, and fields of its header that differ from a plain file's. */
export interface TarEntry {
  readonly path: string;
  readonly content?: string | Uint8Array;
  readonly type?: string;
  readonly mode?: string;
  readonly prefix?: string;
  /** The size that the header says, in octal digits. Default: the content's. */
  readonly size?: string;
}

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}

/** A header and a body in blocks of 512 bytes. */
function blocks({ path, content = "", type = "0", mode = "644", prefix = "", size }: TarEntry) {
  const body = bytesOf(content);
  const bytes = new Uint8Array(512 + Math.ceil(body.length / 512) * 512);
  const put = (at: number, text: string) => bytes.set(bytesOf(text), at);
  put(0, path);
  put(100, mode.padStart(7, "0"));
  put(124, (size ?? body.length.toString(8)).padStart(11, "0"));
  put(148, " ".repeat(8));
  put(156, type);
  put(257, "ustar\x0000");
  put(345, prefix);
  const sum = bytes.subarray(0, 512).reduce((a, b) => a + b, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  bytes.set(body, 512);
  return bytes;
}

/** A tar archive. */
export function tarBytes(entries: readonly TarEntry[]): Uint8Array<ArrayBuffer> {
  return concatBytes([...entries.map(blocks), new Uint8Array(1024)]);
}

/** Bytes as gzip packs them. */
export async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}
