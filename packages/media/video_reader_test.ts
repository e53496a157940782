import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { random } from "#testing/fuzz.ts";
import { hasShared, needs, sharedPath } from "#testing/shared.ts";
import { VideoReader, type VideoReaderOptions } from "@vcs/media/video_reader";

interface Clip {
  file: string;
  stream: string;
  coded: string;
  sar: string;
  rotation: string;
  decodable: boolean;
  frames: number;
  pts: number[];
  frame_md5?: string[];
  frame_md5_samples?: Record<string, string>;
}

const BACKENDS = ["node-av"] as const;
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
  return { backend, pixels: "native", indexCacheSize: 0, ...stream };
}

/** The truth's times were rounded by a muxer to a grid of one frame: half of it is the tolerance. */
function toleranceOf(times: number[]): number {
  const steps = times.slice(1).map((time, i) => time - times[i]!).filter((step) => step > 1e-5);
  return Math.min(1, ...steps) / 2 + 1e-5;
}

function assertTimes(clip: Clip, video: VideoReader): void {
  const tolerance = toleranceOf(clip.pts);
  for (const [i, { pts }] of video.index.entries()) {
    const off = Math.abs(pts - clip.pts[i]!);
    assert(off <= tolerance, `${clip.file} frame ${i}: pts ${pts}, expected ${clip.pts[i]}`);
  }
}

async function assertLinear(clip: Clip, options: VideoReaderOptions): Promise<void> {
  await using video = await VideoReader.open(path(clip), options);
  assert.equal(video.index.length, clip.frames);
  assertTimes(clip, video);
  let count = 0;
  for await (const frame of video.frames()) {
    assert.equal(frame.index, count++);
    const want = expected(clip, frame.index);
    if (want) assert.equal(md5(frame.data), want, `${clip.file} frame ${frame.index}`);
  }
  assert.equal(count, clip.frames);
}

/** Some frames in random order, one decoder each. */
async function assertSeeks(clip: Clip, options: VideoReaderOptions, count: number): Promise<void> {
  await using video = await VideoReader.open(path(clip), options);
  const known = Array.from({ length: clip.frames }, (_, i) => i).filter((i) => expected(clip, i));
  const next = random(clip.frames);
  for (let n = 0; n < count; n++) {
    const id = known[Math.floor(next() * known.length)]!;
    const frame = await video.frameAt(id);
    assert.equal(frame.index, id);
    assert.equal(md5(frame.data), expected(clip, id), `${clip.file} frame ${id}`);
  }
}

/** A list in random order with repeats. */
async function assertList(clip: Clip, options: VideoReaderOptions): Promise<void> {
  await using video = await VideoReader.open(path(clip), options);
  const known = Array.from({ length: clip.frames }, (_, i) => i).filter((i) => expected(clip, i));
  const next = random(7);
  const ids = Array.from({ length: 12 }, () => known[Math.floor(next() * known.length)]!);
  const got: number[] = [];
  for await (const frame of video.framesAt(ids)) {
    got.push(frame.index);
    assert.equal(md5(frame.data), expected(clip, frame.index), `${clip.file} ${frame.index}`);
  }
  assert.deepEqual(got, ids);
}

for (const backend of BACKENDS) {
  Deno.test({
    name: `VideoReader() over ${backend} gives every shared clip's own frames`,
    ...needs(hasShared),
    fn: async (t) => {
      for (const clip of clips()) {
        if (BROKEN.has(clip.file)) continue;
        const options = optionsFor(clip, backend);
        await t.step(`${clip.file} ${clip.stream}`, async () => {
          if (!clip.file.startsWith("long_")) await assertLinear(clip, options);
          await assertSeeks(clip, options, 6);
          await assertList(clip, options);
        });
      }
    },
  });
}
