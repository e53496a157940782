import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";
import { mutations } from "#testing/fuzz.ts";
import { hasPrograms, hasShared, needs, sharedPath, sharedTest } from "#testing/shared.ts";
import { MediaError } from "@vcs/media/errors";
import { decodeImage } from "@vcs/media/image";
import { type VideoFrame, VideoReader, type VideoReaderOptions } from "@vcs/media/video_reader";
import { VideoWriter } from "@vcs/media/video_writer";

const BACKENDS = ["node-av", "ffmpeg"] as const;
const available = (backend: typeof BACKENDS[number]) =>
  needs(backend === "node-av" || hasPrograms("ffmpeg", "ffprobe"));
const clip = (name: string) => sharedPath(`data/video/${name}`);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** A clip whose frame n is grey of value 4n + 16, with a key frame every tenth. */
async function withClip(use: (path: string) => Promise<void>, frames = 40): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".mp4" });
  try {
    const options = { width: 64, height: 48, fps: 25, keyframeInterval: 10, crf: 4 };
    const writer = await VideoWriter.open(path, options);
    for (let i = 0; i < frames; i++) {
      await writer.add({ data: new Uint8Array(64 * 48 * 3).fill(16 + 4 * i) });
    }
    await writer.close();
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

/** The number of a frame of that clip, from its pixels. */
const numberOf = ({ data }: { data: Uint8Array }) => Math.round((data[4000]! - 16) / 4);

for (const backend of BACKENDS) {
  Deno.test({
    name: `VideoReader() over ${backend} reads by number, list, time and range`,
    ...available(backend),
    fn: () =>
      withClip(async (path) => {
        await using video = await VideoReader.open(path, { backend });
        assert.equal(video.info.frameCount, 40);
        assert.equal(video.info.backend, backend);
        assert(Math.abs(video.info.duration - 1.6) < 1e-6);
        assert.equal(numberOf(await video.frameAt(23)), 23);
        assert.equal(numberOf(await video.frameAt(24)), 24);
        assert.equal(numberOf(await video.frameAt(3)), 3);
        const shown = await video.frameShownAt(0.5);
        assert.deepEqual([shown.index, numberOf(shown)], [12, 12]);
        const list = await Array.fromAsync(video.framesAt([39, 0, 17, 0, 39]));
        assert.deepEqual(list.map(numberOf), [39, 0, 17, 0, 39]);
        assert.notEqual(list[1]!.data.buffer, list[3]!.data.buffer);
        const range = await Array.fromAsync(video.frames({ start: 8, end: 13 }));
        assert.deepEqual(range.map(numberOf), [8, 9, 10, 11, 12]);
        assert.deepEqual(await Array.fromAsync(video.framesAt([])), []);
      }),
  });

  Deno.test({
    name: `VideoReader() over ${backend} lends pixels until the next frame is asked for`,
    ...available(backend),
    fn: () =>
      withClip(async (path) => {
        await using video = await VideoReader.open(path, { backend });
        const seen: [number, ArrayBuffer][] = [];
        for await (const frame of video.frames({ lend: true })) {
          seen.push([numberOf(frame), frame.data.buffer]);
        }
        assert.deepEqual(seen.map(([number]) => number), video.index.map((_, i) => i));
        const arrays = new Set(seen.map(([, buffer]) => buffer)).size;
        assert.equal(arrays, backend === "node-av" ? 1 : 40);
        const far = await Array.fromAsync(
          video.framesAt([2, 13, 35], { lend: true }),
          (frame) => numberOf(frame),
        );
        assert.deepEqual(far, [2, 13, 35]);
        const list = await Array.fromAsync(video.framesAt([30, 1, 30, 5], { lend: true }));
        assert.deepEqual(list.map(numberOf), [30, 1, 30, 5]);
        const own = await Array.fromAsync(video.frames());
        assert.deepEqual(own.map(numberOf), video.index.map((_, i) => i));
      }),
  });

  Deno.test({
    name: `VideoReader() over ${backend} frees what it holds when a loop is left`,
    ...available(backend),
    fn: () =>
      withClip(async (path) => {
        const video = await VideoReader.open(path, { backend });
        for await (const frame of video.frames()) if (frame.index === 2) break;
        const loop = video.frames();
        await loop.next();
        await video[Symbol.asyncDispose]();
        assert.equal((await loop.next()).done, true);
        await assert.rejects(video.frameAt(0), { code: "closed" });
        await assert.rejects(video.frames().next(), { code: "closed" });
        await video[Symbol.asyncDispose]();
      }),
  });

  Deno.test({
    name: `VideoReader() over ${backend} stops at an abort`,
    ...available(backend),
    fn: () =>
      withClip(async (path) => {
        await using video = await VideoReader.open(path, { backend });
        const abort = new AbortController();
        await assert.rejects(async () => {
          for await (const { index } of video.frames({ signal: abort.signal })) {
            if (index === 3) abort.abort(new Error("enough"));
          }
        }, /enough/);
        assert.equal(numberOf(await video.frameAt(5)), 5);
      }),
  });

  Deno.test({
    name: `VideoReader() over ${backend} opens bytes, streams and file URLs`,
    ...available(backend),
    fn: () =>
      withClip(async (path) => {
        const bytes = await Deno.readFile(path);
        for (const source of [bytes, new Blob([bytes]).stream(), pathToFileURL(path)]) {
          await using video = await VideoReader.open(source, { backend });
          assert.equal(numberOf(await video.frameAt(30)), 30);
        }
      }),
  });

  Deno.test({
    name: `VideoReader() over ${backend} opens URLs`,
    ...available(backend),
    fn: () =>
      withClip(async (path) => {
        const bytes = await Deno.readFile(path);
        const serve = ({ url }: Request) =>
          url.endsWith("clip.mp4")
            ? new Response(bytes)
            : new Response("none", { status: url.endsWith("gone") ? 404 : 500 });
        const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, serve);
        try {
          const url = `http://127.0.0.1:${server.addr.port}/clip.mp4`;
          await using video = await VideoReader.open(url, { backend });
          assert.equal(numberOf(await video.frameAt(7)), 7);
          const other = (name: string) => VideoReader.open(new URL(name, url), { backend });
          await assert.rejects(other("gone"), Deno.errors.NotFound);
          await assert.rejects(other("broken"), /was answered with status 500/);
        } finally {
          await server.shutdown();
        }
      }),
  });

  Deno.test({
    name: `VideoReader() over ${backend} refuses what is not a video, with a code`,
    ...available(backend),
    fn: async () => {
      const open = (source: string | Uint8Array) => VideoReader.open(source, { backend });
      await assert.rejects(open("no/such/file.mp4"), Deno.errors.NotFound);
      await assert.rejects(open(""), Deno.errors.NotFound);
      await assert.rejects(open("."), Deno.errors.IsADirectory);
      await assert.rejects(open(new Uint8Array()), { code: "invalid-media" });
      await assert.rejects(open(new Uint8Array(5000).fill(7)), { code: "invalid-media" });
    },
  });

  Deno.test({
    name: `VideoReader() over ${backend} reports broken clips and salvages what is left`,
    ...needs(hasShared, backend === "node-av" || hasPrograms("ffmpeg", "ffprobe")),
    fn: async (t) => {
      const open = (name: string, onError: VideoReaderOptions["onError"] = "throw") =>
        VideoReader.open(clip(name), { backend, onError, size: { width: 32, height: 18 } });
      await t.step("no frames", async () => {
        await assert.rejects(open("init_only_noframes.mp4"), { code: "empty-video" });
      });
      await t.step("no index", async () => {
        await assert.rejects(open("trunc_realshort_nomoov.mp4"), { code: "invalid-media" });
      });
      await t.step("no sound asked for video", async () => {
        const sound = sharedPath("data/audio/jfk_44k_stereo.flac");
        await assert.rejects(VideoReader.open(sound, { backend }), { code: "no-video-stream" });
      });
      await t.step("nothing decodable", async () => {
        await using video = await open("invalid_vp9_bitstream.webm");
        await assert.rejects(video.frameAt(0), { code: "decode-failed" });
        await using nearest = await open("invalid_vp9_bitstream.webm", "nearest");
        await assert.rejects(nearest.frameAt(3), { code: "decode-failed" });
      });
      const broken = [["decord_corrupted.mp4", 49, 30], ["trunc_bikes_faststart60.mp4", 142, 142]];
      for (const [name, readable, missing] of broken as [string, number, number][]) {
        await t.step(name, async () => {
          await using strict = await open(name);
          const read: number[] = [];
          await assert.rejects(async () => {
            for await (const { index } of strict.frames()) read.push(index);
          }, (error) => error instanceof MediaError && error.frame === read.length);
          assert(read.length > missing - 8 && read.length < missing, `read ${read.length}`);

          await using skipping = await open(name, "skip");
          const left = (await Array.fromAsync(skipping.frames())).map(({ index }) => index);
          assert.equal(left.length, readable);
          assert(!left.includes(missing));
          assert.deepEqual(
            skipping.replaced.filter(({ reason }) => reason === "missing"),
            [{ frame: missing, by: undefined, reason: "missing" }],
          );

          await using filling = await open(name, "nearest");
          const all = await Array.fromAsync(filling.frames());
          assert.equal(all.length, filling.index.length);
          assert.deepEqual(all[missing]!.data, all[missing - 1]!.data);
          const { by } = filling.replaced.find(({ frame }) => frame === missing)!;
          assert.equal(by, missing - 1);
        });
      }
    },
  });
}

/** A copy of a clip in which one frame's time is that of six frames later. */
async function withLateFrame(path: string, use: (path: string) => Promise<void>): Promise<void> {
  const late = `${path}.mkv`;
  const moved = "setts=pts='if(eq(N,14),PTS+245,PTS)'";
  const args = ["-v", "error", "-i", path, "-c", "copy", "-bsf:v", moved, late];
  await new Deno.Command("ffmpeg", { args }).output();
  try {
    await use(late);
  } finally {
    await Deno.remove(late);
  }
}

/** The order in which such a clip shows its frames: the moved one is the first not in its place. */
function lateOrder(read: number[]): number[] {
  const order = [...Array(40).keys()];
  const moved = read.findIndex((number, i) => number !== i);
  if (moved >= 0) order.splice(moved + 6, 0, ...order.splice(moved, 1));
  return order;
}

Deno.test({
  name: "VideoReader() loses nothing to one wrong timestamp",
  ...needs(hasPrograms("ffmpeg")),
  fn: () =>
    withClip((path) =>
      withLateFrame(path, async (late) => {
        await using video = await VideoReader.open(late, { backend: "node-av" });
        const read = await Array.fromAsync(video.frames(), numberOf);
        assert.deepEqual(read, lateOrder(read));
        assert.deepEqual(video.replaced, []);
        for (const list of [[30], [12, 17, 22], [19, 13, 25, 14, 16]]) {
          const some = await Array.fromAsync(video.framesAt(list), numberOf);
          assert.deepEqual(some, list.map((id) => read[id]));
        }
        for (const id of [15, 19, 21, 11, 18, 20, 19, 39, ...read.keys()]) {
          assert.equal(numberOf(await video.frameAt(id)), read[id]);
        }
      })
    ),
});

Deno.test({
  name: "VideoReader() over ffmpeg, which guesses times after a wrong one, gives no other frame",
  ...needs(hasPrograms("ffmpeg", "ffprobe")),
  fn: () =>
    withClip((path) =>
      withLateFrame(path, async (late) => {
        await using video = await VideoReader.open(late, { backend: "ffmpeg" });
        const read: number[] = [];
        try {
          for await (const frame of video.frames()) read.push(numberOf(frame));
        } catch (error) {
          assert(error instanceof MediaError && error.code === "decode-failed", String(error));
        }
        assert(read.length > 10);
        assert.deepEqual(read, lateOrder(read).slice(0, read.length));
      })
    ),
});

Deno.test("VideoReader() gives up a download at an abort", async () => {
  const never = () => new Response(new ReadableStream());
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, never);
  const url = `http://127.0.0.1:${server.addr.port}/endless.mp4`;
  const abort = new AbortController();
  const opening = VideoReader.open(url, { signal: abort.signal });
  abort.abort(new Error("enough"));
  await assert.rejects(opening, /enough/);
  await server.shutdown();
});

Deno.test("VideoReader() keeps indices by path, size and time of modification", () =>
  withClip((first) =>
    withClip(async (second) => {
      const count = async (path: string) => {
        await using video = await VideoReader.open(path);
        return video.info.frameCount;
      };
      assert.equal(await count(first), 40);
      await Deno.copyFile(second, first);
      await Deno.utime(first, new Date(), new Date(Date.now() + 5000));
      assert.equal(await count(first), 20);
    }, 20)
  ));

Deno.test("VideoReader() resizes and turns inside the decoder", () =>
  withClip(async (path) => {
    await using video = await VideoReader.open(path, { size: { width: 20, height: 31 } });
    const frame = await video.frameAt(9);
    assert.deepEqual([frame.width, frame.height, frame.data.length], [20, 31, 20 * 31 * 3]);
    assert.deepEqual([video.info.codedWidth, video.info.codedHeight], [64, 48]);
  }));

Deno.test("VideoReader() checks options and numbers before it works", async () => {
  const open = (options: object) => VideoReader.open("never.mp4", options);
  await assert.rejects(
    open({ backend: "libav" }),
    /backend must be auto, node-av, ffmpeg, found libav/,
  );
  await assert.rejects(
    open({ device: "gpu" }),
    /device must be auto, cpu, cuda or cuda:n, found gpu/,
  );
  await assert.rejects(open({ onError: "ignore" }), TypeError);
  await assert.rejects(open({ threads: -1 }), /threads must be a whole number/);
  await assert.rejects(open({ size: { width: 0, height: 5 } }), /size.width must be/);
  await assert.rejects(open({ size: { width: 5, height: 5 }, pixels: "native" }), TypeError);
  await withClip(async (path) => {
    await using video = await VideoReader.open(path);
    await assert.rejects(video.frameAt(40), /Cannot read frame 40: the video has frames 0 to 39/);
    await assert.rejects(video.frameAt(1.5), RangeError);
    assert.throws(() => video.framesAt([0, -1]), RangeError);
    assert.throws(() => video.frames({ start: 0, end: 41 }), RangeError);
    assert.throws(() => video.frames({ start: 200 }), /Cannot read frames 200 to 40/);
    assert.throws(() => video.frames({ start: 12, end: 10 }), RangeError);
    assert.deepEqual(await Array.fromAsync(video.frames({ start: 40 })), []);
    assert.throws(() => video.indexShownAt(-0.1), RangeError);
    assert.throws(() => video.indexShownAt(1.7), /the video is shown from 0 to 1.6/);
    assert.throws(() => video.indexShownAt(NaN), RangeError);
  });
});

Deno.test("VideoReader() gives the same pixels with every kind of threads", () =>
  withClip(async (path) => {
    const sums = new Set<string>();
    for (const threadType of ["auto", "frame", "slice"] as const) {
      for (const threads of [0, 1, 3]) {
        await using video = await VideoReader.open(path, { threads, threadType });
        sums.add(sha256((await video.frameAt(27)).data));
      }
    }
    assert.equal(sums.size, 1);
  }));

Deno.test("VideoReader() says clearly that a GPU is not there", async () => {
  await withClip(async (path) => {
    await using video = await VideoReader.open(path, { device: "cuda:63" });
    await assert.rejects(video.frameAt(0), (error) => {
      assert(error instanceof MediaError);
      assert.equal(error.code, "no-device");
      assert.match(error.message, /^Cannot decode on cuda:63: /);
      return true;
    });
  });
});

Deno.test("VideoReader() survives damaged files", () =>
  withClip(async (path) => {
    const good = await Deno.readFile(path);
    for (const bytes of mutations(good, 40)) {
      try {
        await using video = await VideoReader.open(bytes, { backend: "node-av", onError: "skip" });
        for await (const frame of video.frames()) assert.equal(frame.data.length, 64 * 48 * 3);
      } catch (error) {
        assert(error instanceof MediaError, String(error));
      }
    }
  }));

sharedTest(
  "VideoReader() with color reference gives the pixels of codec-patch-stream",
  async () => {
    const golden = await Deno.readTextFile(sharedPath("golden/patch-stream.json"));
    const [first] = (JSON.parse(golden) as { cases: GoldenCase[] }).cases;
    const path = clip("cps_demo_1080p_h264_bframes.mp4");
    for (const backend of BACKENDS) {
      if (backend === "ffmpeg" && !hasPrograms("ffmpeg", "ffprobe")) continue;
      await using video = await VideoReader.open(path, { color: "reference", backend });
      const hash = createHash("sha256");
      for await (const { data } of video.framesAt(first!.sampled_frame_ids)) hash.update(data);
      assert.equal(hash.digest("hex"), first!.frames_sha256);
    }
  },
);

/** Frames that the original sampled, and the hash of their pixels. */
interface GoldenCase {
  sampled_frame_ids: number[];
  frames_sha256: string;
}

sharedTest("VideoReader() gives torchcodec's golden frames of the NASA clip", async () => {
  const path = clip("nasa_13013_multistream_h264.mp4");
  await using video = await VideoReader.open(path, { stream: 3 });
  for (const id of [0, 5, 30, 389]) {
    const name = `data/golden_frames/nasa_stream3_frame${String(id).padStart(6, "0")}.png`;
    const expected = await decodeImage(await Deno.readFile(sharedPath(name)));
    const { data } = await video.frameAt(id);
    assert.deepEqual(data, expected.data, `frame ${id}`);
  }
});

/** Sets the display matrix in the header of an MP4's only track (ISO/IEC 14496-12, tkhd). */
function withMatrix(mp4: Uint8Array, [a, b, c, d]: readonly number[]): Uint8Array {
  const bytes = mp4.slice();
  const at = new TextDecoder("latin1").decode(bytes).indexOf("tkhd") + 44;
  const view = new DataView(bytes.buffer);
  for (const [i, value] of [a!, b!, 0, c!, d!].entries()) view.setInt32(at + 4 * i, value << 16);
  return bytes;
}

/** The value in the middle of a quarter, by which side of the middle it is on. */
function quarter({ data, width, height }: VideoFrame, right: number, down: number): number {
  const x = Math.floor(width * (2 + right) / 4);
  const y = Math.floor(height * (2 + down) / 4);
  return Math.round(data[(y * width + x) * 3]! / 60);
}

for (const backend of BACKENDS) {
  Deno.test({
    name: `VideoReader() over ${backend} brings turned and mirrored frames upright`,
    ...available(backend),
    fn: () =>
      withClip(async (path) => {
        const writer = await VideoWriter.open(path, { width: 64, height: 48, fps: 25, crf: 4 });
        const data = Uint8Array.from({ length: 64 * 48 * 3 }, (_, i) => {
          const [x, y] = [Math.floor(i / 3) % 64, Math.floor(i / 3 / 64)];
          return (x < 32 ? 60 : 0) + (y < 24 ? 120 : 0);
        });
        await writer.add({ data });
        await writer.close();
        const mp4 = await Deno.readFile(path);
        const mirrored = [[-1, 0, 0, 1], [1, 0, 0, -1], [0, 1, 1, 0], [0, -1, -1, 0]];
        const turned = [[1, 0, 0, 1], [0, 1, -1, 0], [-1, 0, 0, -1], [0, -1, 1, 0]];
        for (const matrix of [...mirrored, ...turned]) {
          const source = withMatrix(mp4, matrix);
          await using upright = await VideoReader.open(source, { backend });
          await using stored = await VideoReader.open(source, { backend, rotate: false });
          const [shown, flat] = [await upright.frameAt(0), await stored.frameAt(0)];
          assert.equal(upright.info.mirrored, mirrored.includes(matrix));
          const [a, b, c, d] = matrix as [number, number, number, number];
          for (const [x, y] of [[-1, -1], [1, -1], [-1, 1], [1, 1]] as const) {
            const expected = quarter(flat, x, y);
            assert.equal(expected, (x < 0 ? 1 : 0) + (y < 0 ? 2 : 0));
            assert.equal(quarter(shown, a * x + c * y, b * x + d * y), expected, `${matrix}`);
          }
        }
      }),
  });
}

sharedTest("VideoReader() turns phone clips upright and reports shape of pixels", async () => {
  const turns = [
    ["decord_video_90.mov", 90, 320, 568],
    ["decord_video_270.mov", 270, 320, 568],
    ["fire2_rot180.mp4", 180, 1280, 720],
  ] as const;
  for (const [name, rotation, width, height] of turns) {
    await using upright = await VideoReader.open(clip(name));
    await using stored = await VideoReader.open(clip(name), { rotate: false });
    assert.equal(upright.info.rotation, rotation);
    const [turned, flat] = [await upright.frameAt(0), await stored.frameAt(0)];
    assert.deepEqual([turned.width, turned.height], [width, height]);
    assert.deepEqual(turnedBack(turned, rotation), flat.data);
  }
  await using wide = await VideoReader.open(clip("sar_2x1.mp4"));
  assert.deepEqual(wide.info.sampleAspectRatio, [2, 1]);
});

/** Undoes a clockwise turn, pixel by pixel. */
function turnedBack(
  { width, height, data }: { width: number; height: number; data: Uint8Array },
  rotation: 90 | 180 | 270,
): Uint8Array {
  const sideways = rotation !== 180;
  const [w, h] = sideways ? [height, width] : [width, height];
  const stored = new Uint8Array(data.length);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const [u, v] = {
        90: [h - 1 - y, x],
        180: [w - 1 - x, h - 1 - y],
        270: [y, w - 1 - x],
      }[rotation] as [number, number];
      const from = (v * width + u) * 3;
      stored.set(data.subarray(from, from + 3), (y * w + x) * 3);
    }
  }
  return stored;
}

sharedTest("VideoReader() hands out the codec's motion vectors in one pass", async () => {
  await using video = await VideoReader.open(clip("vidtok_example_256.mp4"));
  const motions: { index: number; length: number; keyframe: boolean }[] = [];
  const delivered: number[] = [];
  const motion = (
    { index, keyframe, vectors }: { index: number; keyframe: boolean; vectors: { length: number } },
  ) => {
    motions.push({ index, keyframe, length: vectors.length });
  };
  for await (const { index } of video.framesAt([0, 20, 40], { motion })) delivered.push(index);
  assert.deepEqual(delivered, [0, 20, 40]);
  assert.deepEqual(motions.map(({ index }) => index), Array.from({ length: 41 }, (_, i) => i));
  assert(motions.every(({ keyframe, length }) => keyframe ? length === 0 : length > 0));
});

sharedTest("VideoReader() refuses motion vectors over the ffmpeg program", async () => {
  if (!hasPrograms("ffmpeg", "ffprobe")) return;
  await using video = await VideoReader.open(clip("vq_17f_128.mp4"), { backend: "ffmpeg" });
  await assert.rejects(video.framesAt([1], { motion: () => {} }).next(), { code: "unsupported" });
});

for (const backend of BACKENDS) {
  Deno.test({
    name: `VideoReader takes as many pixels as are allowed: ${backend}`,
    ...available(backend),
    async fn() {
      await withClip(async (path) => {
        const limit = { code: "limit", message: /64x48 pixels, expected at most 3071; allow more/ };
        await using video = await VideoReader.open(path, { backend, maxPixels: 64 * 48 });
        assert.equal((await video.frameAt(3)).data.length, 64 * 48 * 3);
        await assert.rejects(VideoReader.open(path, { backend, maxPixels: 3071 }), limit);
        await assert.rejects(VideoReader.open(path, { maxPixels: 0 }), RangeError);
      }, 4);
    },
  });
}
