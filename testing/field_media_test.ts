/** The files of `shared/cases/field/media` that readers went wrong on, each with its right outcome. */
import { decodeAudio } from "@vcs/media/audio";
import { VideoReader } from "@vcs/media/video_reader";
import assert from "node:assert/strict";
import { hasPrograms, hasShared, needs, sharedPath } from "./shared.ts";

const at = (name: string) => sharedPath(`cases/field/media/${name}`);
const BACKENDS = ["node-av", "ffmpeg"] as const;

/** Frames that ffmpeg shows, and frames per second. */
const VIDEOS: readonly (readonly [name: string, frames: number, fps: number])[] = [
  ["hs_nob.mkv", 100, 1980],
  ["dvb_ss.ts", 90, 25],
  ["cut_opengop265.mkv", 100, 30],
  ["mat_8.mp4", 1, 30],
  ["mat_10.mp4", 1, 30],
  ["trc_9.mp4", 1, 30],
  ["dup.ts", 120, 30],
  ["raw_pal8.avi", 10, 10],
  ["p1.h264", 60, 30],
  ["ffv1_gray10le.mkv", 10, 10],
];

for (const [name, count, fps] of VIDEOS) {
  Deno.test({
    name: `${name}: ${count} frames, after a seek as in order, by both backends`,
    ...needs(hasShared, hasPrograms("ffmpeg", "ffprobe")),
    async fn() {
      for (const backend of BACKENDS) {
        await using video = await VideoReader.open(at(name), { backend });
        const id = Math.min(5, count - 1);
        const { data } = await video.frameAt(id);
        const frames = await Array.fromAsync(video.frames());
        assert.equal(frames.length, count);
        assert.deepEqual(frames[id]!.data, data);
        assert.ok(Math.abs(video.info.fps - fps) < 0.5, `${video.info.fps}`);
      }
    },
  });
}

Deno.test({
  name: "a cut of which nothing is shown, sound with late formats",
  ...needs(hasShared, hasPrograms("ffmpeg", "ffprobe")),
  async fn() {
    for (const backend of BACKENDS) {
      const opening = VideoReader.open(at("cut_opengop.ts"), { backend });
      await assert.rejects(opening, { name: "MediaError", code: "empty-video" });
    }
    const lengths = {
      "w_24align4.wav": 20000,
      "w_fmt_after.wav": 20000,
      "w_zero_data_list.wav": 0,
    };
    for (const [name, length] of Object.entries(lengths)) {
      assert.equal((await decodeAudio(at(name))).channels[0]!.length, length, name);
    }
  },
});
