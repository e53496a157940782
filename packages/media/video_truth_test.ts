import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { random } from "#testing/fuzz.ts";
import { hasPrograms, hasShared, needs, sharedPath } from "#testing/shared.ts";
import { type VideoFrame, VideoReader, type VideoReaderOptions } from "@vcs/media/video_reader";

interface Clip {
  file: string;
  stream: string;
  coded: string;
  sar: string;
  rotation: string;
  decodable: boolean;
  frames: number;
  pts?: number[];
  first_pts: number;
  last_pts: number;
  frame_md5?: string[];
  frame_md5_samples?: Record<string, string>;
}

const BACKENDS = ["node-av", "ffmpeg"] as const;
type BackendName = typeof BACKENDS[number];

/** Clips that are damaged or cut, with what can be read of them. */
const BROKEN = new Set([
  "decord_corrupted.mp4",
  "trunc_bikes_faststart60.mp4",
  "invalid_vp9_bitstream.webm",
  "init_only_noframes.mp4",
  "trunc_realshort_nomoov.mp4",
]);

function clips(): Clip[] {
  if (!hasShared) return [];
  const text = Deno.readTextFileSync(sharedPath("data/video/VIDEO_TRUTH.json"));
  return (JSON.parse(text) as { videos: Clip[] }).videos;
}

const path = (clip: Clip) => sharedPath(`data/video/${clip.file}`);
const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");
const expected = (clip: Clip, id: number) => clip.frame_md5?.[id] ?? clip.frame_md5_samples?.[id];

/** The file may hold several video streams; the truth names the one that it is about. */
function optionsFor(clip: Clip, backend: BackendName): VideoReaderOptions {
  const stream = clip.stream === "0:3"
    ? { stream: 3 }
    : clip.file.startsWith("nasa")
    ? { stream: 0 }
    : {};
  return { backend, pixels: "native", ...stream };
}

/** The truth's times were rounded by a muxer to a grid of one frame: half of it is the tolerance. */
function toleranceOf(times: number[]): number {
  const steps = times.slice(1).map((time, i) => time - times[i]!).filter((step) => step > 1e-5);
  return Math.min(1, ...steps) / 2 + 1e-5;
}

function assertTimes(clip: Clip, video: VideoReader): void {
  const times = clip.pts ?? [clip.first_pts, clip.last_pts];
  const tolerance = clip.pts ? toleranceOf(clip.pts) : 1e-5;
  const found = clip.pts ? video.index : [video.index[0]!, video.index.at(-1)!];
  for (const [i, { pts }] of found.entries()) {
    const off = Math.abs(pts - times[i]!);
    assert(off <= tolerance, `${clip.file} frame ${i}: pts ${pts}, expected ${times[i]}`);
  }
}

async function assertLinear(clip: Clip, video: VideoReader): Promise<void> {
  let count = 0;
  for await (const frame of video.frames()) {
    assert.equal(frame.index, count++);
    assertPixels(clip, frame);
  }
  assert.equal(count, clip.frames);
}

function assertPixels(clip: Clip, { index, data }: VideoFrame): void {
  const want = expected(clip, index);
  if (want) assert.equal(md5(data), want, `${clip.file} frame ${index}`);
}

/** Frames one by one in random order, each from its key frame. */
async function assertSeeks(clip: Clip, video: VideoReader, ids: number[]): Promise<void> {
  for (const id of ids) {
    const frame = await video.frameAt(id);
    assert.equal(frame.index, id);
    assertPixels(clip, frame);
  }
}

/** A list in random order with repeats. */
async function assertList(clip: Clip, video: VideoReader, ids: number[]): Promise<void> {
  const got: number[] = [];
  for await (const frame of video.framesAt(ids)) {
    got.push(frame.index);
    assertPixels(clip, frame);
  }
  assert.deepEqual(got, ids);
}

/** Whether decoding all of a clip takes seconds: then it is skipped over ffmpeg's pipe unless asked for. */
function isHeavy({ coded, frames }: Clip): boolean {
  const [width, height] = coded.split("x").map(Number);
  return width! * height! * frames > 4e7;
}

/** Set VCS_FULL to decode every clip from end to end over both backends. */
const FULL = Deno.env.has("VCS_FULL");

/** What to read of a clip: everything, or what shows each way at less cost. */
function waysOf(clip: Clip, backend: BackendName, video: VideoReader) {
  const program = backend === "ffmpeg";
  const keys = video.index.filter(({ keyframe }) => keyframe).length;
  const linear = FULL || !isHeavy(clip) || (!program && clip.frames < 2000);
  return {
    linear,
    seeks: FULL ? 5 : program ? Math.min(1, keys - 1) : 2,
    list: FULL || !program || !linear ? 4 : 0,
  };
}

async function assertClip(clip: Clip, backend: BackendName): Promise<void> {
  await using video = await VideoReader.open(path(clip), optionsFor(clip, backend));
  assert.equal(video.index.length, clip.frames);
  assertTimes(clip, video);
  const { linear, seeks, list } = waysOf(clip, backend, video);
  if (linear) await assertLinear(clip, video);
  const known = Array.from({ length: clip.frames }, (_, i) => i).filter((i) => expected(clip, i));
  const next = random(clip.frames);
  const ids = Array.from({ length: 5 }, () => known[Math.floor(next() * known.length)]!);
  await assertSeeks(clip, video, ids.slice(0, seeks));
  if (list > 0) await assertList(clip, video, [...ids.slice(0, list), ids[0]!]);
}

for (const backend of BACKENDS) {
  Deno.test({
    name: `VideoReader() over ${backend} gives every shared clip's own frames`,
    ...needs(hasShared, backend === "node-av" || hasPrograms("ffmpeg", "ffprobe")),
    fn: async (t) => {
      for (const clip of clips()) {
        if (BROKEN.has(clip.file)) continue;
        await t.step(`${clip.file} ${clip.stream}`, () => assertClip(clip, backend));
      }
    },
  });
}
