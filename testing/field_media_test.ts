/** The files of `shared/cases/field/media` that readers went wrong on, each with its right outcome. */
import { decodeAudio } from "@vcs/media/audio";
import { VideoReader, type VideoReaderOptions } from "@vcs/media/video_reader";
import { REFERENCE } from "@vcs/patch-stream/config";
import { type IndexRule, patchesOfFrames, sampleByIndex } from "@vcs/patch-stream/frames";
import assert from "node:assert/strict";
import { differencesOf } from "./media_bed/differences.ts";
import torchScores from "../packages/patch-stream/testdata/small_reference.json" with {
  type: "json",
};
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
  name: "sizechange.h264: frames have the sizes of their pixels, or are refused",
  ...needs(hasShared, hasPrograms("ffmpeg", "ffprobe")),
  async fn() {
    // The first 60 are 4:2:0, the others 4:4:4: the programs give one stored format alone.
    for (const backend of BACKENDS) {
      await using video = await VideoReader.open(at("sizechange.h264"), {
        pixels: "native",
        backend,
      });
      assert.equal(video.index.length, 120);
      const sizes: string[] = [];
      const reading = (async () => {
        for await (const { width, height, data } of video.frames()) {
          sizes.push(`${width}x${height} ${data.length}`);
        }
      })();
      if (backend === "node-av") await reading;
      else await assert.rejects(reading, { code: "unsupported", message: /becomes yuv444p/ });
      const half = (size: string) => Array<string>(60).fill(size);
      const larger = backend === "node-av" ? half("320x240 230400") : [];
      assert.deepEqual(sizes, [...half("160x120 28800"), ...larger], backend);
    }
  },
});

/** How the frames that patches are taken from are read. */
interface Sampling extends VideoReaderOptions {
  count: number;
  indexRule: IndexRule;
}

/** The frames that patches are taken from, and their times. */
async function sampledFrames(name: string, { count, indexRule, ...options }: Sampling) {
  await using reader = await VideoReader.open(at(name), options);
  const { info: { width, height }, index } = reader;
  const ids = sampleByIndex(index.length, count, indexRule);
  const frames = await Array.fromAsync(reader.framesAt(ids), ({ data }) => data);
  return { width, height, ids, frames, times: ids.map((id) => index[id]!.pts) };
}

Deno.test({
  name: "pan240.mp4: most patches lie on what moves otherwise than the camera",
  ...needs(hasShared, hasPrograms("ffmpeg", "ffprobe")),
  async fn() {
    const [frame, moving] = [264, 120];
    for (const backend of BACKENDS) {
      const source = { backend, count: 16, indexRule: "exact" } as const;
      const { times, ...clip } = await sampledFrames("pan240.mp4", source);
      const config = { kKeep: frame + moving, keyFrames: "first" } as const;
      const { fields, grid } = await patchesOfFrames(clip, config);
      const [width, height] = [clip.width / grid.gridW, clip.height / grid.gridH];
      // A square of 56 pixels, whose way is known.
      const hits = Array.from({ length: fields.shape[0]! }, (_, n) => {
        const record = Array.from(fields.data.subarray(6 * n, 6 * n + 6), Number);
        const [position, , , , row, column] = record;
        const time = times[position!]!;
        const [x, y] = [40 + 120 * time, 150 + 40 * Math.sin(3 * time)];
        return position! > 0 && column! * width < x + 56 && (column! + 1) * width > x &&
          row! * height < y + 56 && (row! + 1) * height > y;
      }).filter(Boolean);
      assert.ok(hits.length >= 0.6 * moving, `${hits.length} of ${moving} over ${backend}`);
    }
  },
});

Deno.test({
  name: "reference_176.mp4: scores are those of the original by PyTorch",
  ...needs(hasShared, hasPrograms("ffmpeg", "ffprobe")),
  async fn() {
    const scores = torchScores["reference_176.mp4"];
    const { energy, indexRule, ...reading } = REFERENCE;
    for (const backend of BACKENDS) {
      const source = { backend, count: 8, indexRule, ...reading };
      const clip = await sampledFrames("reference_176.mp4", source);
      const { scoreMap: { data } } = await patchesOfFrames(clip, { energy });
      assert.equal(data.length, scores.length);
      const off = data.findIndex((score, n) => Math.abs(score - scores[n]!) >= 2e-4);
      assert.equal(off, -1, `score ${off} over ${backend}: ${data[off]}, not ${scores[off]}`);
    }
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
      for (const backend of BACKENDS) {
        const { channels } = await decodeAudio(at(name), { backend });
        assert.equal(channels[0]!.length, length, `${name} over ${backend}`);
      }
    }
  },
});
