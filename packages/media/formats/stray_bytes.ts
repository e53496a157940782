/**
 * A JPEG without the bytes that some cameras put between its segments.
 *
 * @module
 */
import { concatBytes } from "@vcs/transport/internal";

const SOI = 0xd8;
const SOS = 0xda;

/** Takes out what stands between the segments before the scan; anything but a JPEG is kept. */
export function withoutStrayBytes(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== 0xff || bytes[1] !== SOI) return bytes;
  const parts = [bytes.subarray(0, 2)];
  for (let at = 2;;) {
    const start = bytes.indexOf(0xff, at);
    const isEnd = start < 0 || start + 4 > bytes.length;
    if (isEnd || bytes[start + 1] === SOS) {
      parts.push(bytes.subarray(isEnd ? at : start));
      return concatBytes(parts);
    }
    const length = 2 + bytes[start + 2]! * 256 + bytes[start + 3]!;
    parts.push(bytes.subarray(start, start + length));
    at = start + length;
  }
}
