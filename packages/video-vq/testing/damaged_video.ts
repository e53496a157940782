/**
 * A video that was damaged on its way.
 *
 * @module
 */
import { VideoWriter } from "@vcs/media/video_writer";

/** Writes a video of 60 frames of which a stretch of bytes in the middle was overwritten. */
export async function damagedVideo(path: string): Promise<void> {
  {
    await using writer = await VideoWriter.open(path, {
      width: 64,
      height: 48,
      fps: 30,
      keyframeInterval: 10,
    });
    for (let i = 0; i < 60; i++) {
      const data = Uint8Array.from({ length: 64 * 48 * 3 }, (_, at) => at * 7 + i * 5);
      await writer.add({ data });
    }
  }
  const bytes = await Deno.readFile(path);
  const start = new TextDecoder("latin1").decode(bytes).indexOf("mdat");
  const end = new TextDecoder("latin1").decode(bytes).indexOf("moov");
  const middle = Math.floor((start + Math.max(start, end < start ? bytes.length : end)) / 2);
  for (let i = 0; i < 400; i++) bytes[middle + i]! ^= 1 + (i * 37) % 255;
  await Deno.writeFile(path, bytes);
}
