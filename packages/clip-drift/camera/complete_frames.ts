/**
 * Frames of MJPEG bytes, and a report of those that are truncated.
 *
 * @module
 */
import { type MjpegFrame, mjpegFrames, type MjpegReader } from "@vcs/media/mjpeg";

/**
 * Reads the complete frames of a byte stream.
 *
 * @param bytes a response's body, a file, standard input
 * @param reader reads them
 * @param onTruncated called for each truncated frame, which is skipped
 */
export async function* completeFrames(
  bytes: AsyncIterable<Uint8Array>,
  reader: MjpegReader,
  onTruncated: () => void = () => {},
): AsyncGenerator<MjpegFrame> {
  let reported = 0;
  const report = () => {
    for (; reported < reader.stats.truncated; reported++) onTruncated();
  };
  try {
    for await (const frame of mjpegFrames(bytes, reader)) {
      report();
      yield frame;
    }
  } finally {
    report();
  }
}
