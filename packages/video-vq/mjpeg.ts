/**
 * JPEG pictures out of an MJPEG stream: multipart as cameras send it over HTTP, or simply one
 * after the other. Pictures are found by their own markers, so that wrong lengths and boundaries
 * do no harm; a picture without an end is left out.
 *
 * @module
 */

/** Longest picture that is waited for. */
const MOST = 32 * 1024 * 1024;
const START = 0xd8;
const SCAN = 0xda;
const END = 0xd9;

/**
 * The pictures of a stream, whole.
 *
 * @example A picture between two parts
 * ```ts
 * import { jpegsOf } from "@vcs/video-vq/mjpeg";
 * import assert from "node:assert/strict";
 *
 * const jpeg = [0xff, 0xd8, 0xff, 0xda, 0, 2, 7, 0xff, 0xd9];
 * const stream = ReadableStream.from([Uint8Array.from([13, 10, ...jpeg, 45, 45])]);
 * assert.deepEqual((await Array.fromAsync(jpegsOf(stream))).map((j) => [...j]), [jpeg]);
 * ```
 */
export async function* jpegsOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held = new Uint8Array(0);
  for await (const chunk of stream) {
    const joined = new Uint8Array(held.length + chunk.length);
    joined.set(held);
    joined.set(chunk, held.length);
    held = joined;
    for (let found = findJpeg(held); found; found = findJpeg(held)) {
      if (found.end === undefined) {
        held = held.slice(found.start);
        break;
      }
      yield held.slice(found.start, found.end);
      held = held.slice(found.end);
    }
    if (held.length > MOST) held = new Uint8Array(0);
  }
}

/** Where the first picture starts and, once all of it is there, ends. */
function findJpeg(bytes: Uint8Array): { start: number; end?: number } | undefined {
  for (let at = 0; at + 2 < bytes.length; at++) {
    if (bytes[at] !== 0xff || bytes[at + 1] !== START || bytes[at + 2] !== 0xff) continue;
    const end = jpegEnd(bytes, at + 2);
    if (end === "broken") continue;
    return end === undefined ? { start: at } : { start: at, end };
  }
  return bytes.length > 2 ? { start: bytes.length - 2 } : undefined;
}

/** Walks a picture's segments to its end marker; undefined where the bytes end before. */
function jpegEnd(bytes: Uint8Array, from: number): number | "broken" | undefined {
  for (let at = from; at + 3 < bytes.length;) {
    if (bytes[at] !== 0xff) return "broken";
    const marker = bytes[at + 1]!;
    if (marker === START) return "broken";
    const after = at + 2 + (bytes[at + 2]! << 8 | bytes[at + 3]!);
    if (marker !== SCAN) {
      at = after;
      continue;
    }
    const end = scanEnd(bytes, after);
    if (end === undefined) return undefined;
    if (bytes[end + 1] === END) return end + 2;
    at = end;
  }
  return undefined;
}

/** The next marker after entropy coded data: stuffed zeros and restarts belong to the data. */
function scanEnd(bytes: Uint8Array, from: number): number | undefined {
  for (let at = from; at + 1 < bytes.length; at++) {
    if (bytes[at] !== 0xff) continue;
    const marker = bytes[at + 1]!;
    const isData = marker === 0 || marker === 0xff || (marker >= 0xd0 && marker <= 0xd7);
    if (!isData) return at;
  }
  return undefined;
}
