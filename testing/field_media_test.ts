/** The files of `shared/cases/field/media` that readers went wrong on, each with its right outcome. */
import { decodeAudio } from "@vcs/media/audio";
import { VideoReader } from "@vcs/media/video_reader";
import { patchStream } from "@vcs/patch-stream/patch_stream";
import assert from "node:assert/strict";
import { differencesOf } from "./media_bed/differences.ts";
import { truthOf } from "./media_bed/truth.ts";
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
    name: `${name}: ${count} frames, in order, after a seek and at random, by both backends`,
    ...needs(hasShared, hasPrograms("ffmpeg", "ffprobe")),
    async fn() {
      const truth = await truthOf(at(name));
      assert.equal(truth.hashes.length, count);
      for (const backend of BACKENDS) {
        assert.deepEqual(await differencesOf(at(name), truth, backend), []);
        await using video = await VideoReader.open(at(name), { backend });
        assert.equal(video.index.length, count);
        assert.ok(Math.abs(video.info.fps - fps) < 0.5, `${video.info.fps}`);
      }
    },
  });
}

Deno.test({
  name: "sizechange.h264: frames have the sizes of their pixels",
  ...needs(hasShared),
  async fn() {
    await using video = await VideoReader.open(at("sizechange.h264"), { pixels: "native" });
    const sizes = await Array.fromAsync(
      video.frames(),
      ({ width, height, data }) => `${width}x${height} ${data.length}`,
    );
    // The first 60 are 4:2:0, the others 4:4:4.
    const half = (size: string) => Array<string>(60).fill(size);
    assert.deepEqual(sizes, [...half("160x120 28800"), ...half("320x240 230400")]);
  },
});

Deno.test({
  name: "pan240.mp4: most patches lie on what moves otherwise than the camera",
  ...needs(hasShared),
  async fn() {
    const [frame, moving] = [264, 120];
    const config = {
      videoPath: at("pan240.mp4"),
      kKeep: frame + moving,
      keyFrames: "first",
    } as const;
    using session = await patchStream(config);
    const { metadata, grid, pts } = session.collect();
    const [width, height] = [640 / grid.gridW, 360 / grid.gridH];
    // A square of 56 pixels, whose way is known.
    const hits = metadata.filter(({ seqPos, patchHIdx, patchWIdx }) => {
      const [x, y] = [40 + 120 * pts[seqPos]!, 150 + 40 * Math.sin(3 * pts[seqPos]!)];
      return seqPos > 0 && patchWIdx * width < x + 56 && (patchWIdx + 1) * width > x &&
        patchHIdx * height < y + 56 && (patchHIdx + 1) * height > y;
    });
    assert.ok(hits.length >= 0.6 * moving, `${hits.length} of ${moving}`);
  },
});

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
