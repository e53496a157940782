/** Finds the frames of a camera's stream, whatever chunks it comes in. */
import { mjpegFrames } from "@vcs/media/mjpeg";
import { digest, type Entry, type Read, same } from "./check.ts";

function inChunks(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at < bytes.length) controller.enqueue(bytes.slice(at, at += size));
      else controller.close();
    },
  });
}

async function digests(read: Read, size: number): Promise<string[]> {
  const bytes = await read("packages/media/testdata/camera.mjpg");
  const found: string[] = [];
  for await (const { data } of mjpegFrames(inChunks(bytes, size))) found.push(await digest(data));
  return found;
}

const run: Entry = async (read) => {
  const whole = await digests(read, 1 << 20);
  same(await digests(read, 7), whole, "frames of chunks of seven bytes");
  same(whole.length, 6, "frames");
  return whole;
};

export default run;
