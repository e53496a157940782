/**
 * Whether bytes are MJPEG, by the bytes themselves: types and names of files say little.
 *
 * @module
 */
import { concatBytes } from "@vcs/transport/internal";

/** Bytes in which a stream that was joined in the middle of a frame shows what it is. */
export const PROBE = 1 << 18;

const latin1 = new TextDecoder("latin1");

/** Whether bytes are the beginning or the middle of MJPEG, multipart or not. */
export function looksLikeMjpeg(bytes: Uint8Array): boolean {
  const words = latin1.decode(bytes);
  return (bytes[0] === 0xff && bytes[1] === 0xd8) || /^\s*(--\S|content-)/i.test(words) ||
    /\ncontent-type:[ \t]*image\/jpe?g/i.test(words);
}

/** The first bytes of a stream, as far as they are needed to see what it is. */
export async function probe(
  bytes: AsyncIterator<Uint8Array>,
): Promise<{ readonly isMjpeg: boolean; readonly head: Uint8Array }> {
  const chunks: Uint8Array[] = [];
  let isMjpeg = false;
  for (let size = 0; !isMjpeg && size < PROBE;) {
    const { value, done } = await bytes.next();
    if (done) break;
    chunks.push(value);
    size += value.length;
    isMjpeg = looksLikeMjpeg(concatBytes(chunks));
  }
  return { isMjpeg, head: concatBytes(chunks) };
}

/** Types of which the bytes need no look. */
const FRAMES = /^(multipart\/|video\/x-motion-jpeg|image\/)/i;
/** The start of a JPEG and its first segment, wherever they are. */
const JPEG_START = /\xff\xd8\xff[\xc0\xc4\xdb\xdd-\xef\xfe]/;

/**
 * The body of an answer, or undefined if it is not MJPEG, whatever its type says. What lies before the
 * first frame may be anything; a song's cover is no camera, though.
 */
export async function judged(
  bytes: AsyncGenerator<Uint8Array>,
  contentType: string,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  if (FRAMES.test(contentType)) return bytes;
  const { isMjpeg, head } = await probe(bytes);
  const hasFrame = !/^audio\//i.test(contentType) && JPEG_START.test(latin1.decode(head));
  return isMjpeg || hasFrame ? after(head, bytes) : undefined;
}

/** Bytes that came, and those that follow. */
export async function* after(
  head: Uint8Array,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  yield* bytes;
}
