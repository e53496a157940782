/**
 * Pictures of MJPEG bytes, and word of those that came without an end.
 *
 * @module
 */
import { type MjpegFrame, mjpegFrames, type MjpegReader } from "@vcs/media/mjpeg";

/**
 * Reads the whole pictures of a byte stream.
 *
 * @param bytes a response's body, a file, standard input
 * @param reader reads them
 * @param onCut called for each picture without an end, which is left out
 */
export async function* wholeFrames(
  bytes: AsyncIterable<Uint8Array>,
  reader: MjpegReader,
  onCut: () => void = () => {},
): AsyncGenerator<MjpegFrame> {
  let told = 0;
  const tell = () => {
    for (; told < reader.stats.truncated; told++) onCut();
  };
  try {
    for await (const frame of mjpegFrames(bytes, reader)) {
      tell();
      yield frame;
    }
  } finally {
    tell();
  }
}
