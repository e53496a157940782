/**
 * Writes byte arrays completely.
 *
 * @module
 */

/** What bytes are written to: a file, a connection, standard output. */
export interface ByteWriter {
  /** Writes some of the bytes; returns how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** Writes all bytes. */
export async function writeAll(writer: ByteWriter, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await writer.write(bytes.subarray(at));
}
