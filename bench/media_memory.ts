/**
 * Reads whole clips frame by frame and prints as JSON by how many bytes the process grew at most
 * (on Linux), beside the bytes of one frame and of all of them.
 */
import { sharedPath } from "#testing/shared.ts";
import { VideoReader } from "@vcs/media/video_reader";

/** The largest memory that this process has had. */
async function highWater(): Promise<number> {
  const status = await Deno.readTextFile("/proc/self/status");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) * 1024;
}

async function measure(name: string) {
  await using video = await VideoReader.open(sharedPath(`data/video/${name}`));
  const frame = video.info.width * video.info.height * 3;
  const before = Deno.memoryUsage().rss;
  for await (const _ of video.frames());
  return { frame, frames: video.index.length, grew: await highWater() - before };
}

const results = {
  "180p, 21,766 frames": await measure("long_av1_180p_21766frames.mp4"),
  "1080p, 115 frames": await measure("cps_demo_1080p_h264_bframes.mp4"),
  "2160p, 18 frames": await measure("phone_portrait_4k60_rot.mp4"),
};
await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(results)}\n`));
