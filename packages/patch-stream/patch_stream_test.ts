import { hasPrograms, needs, sharedPath, sharedTest } from "#testing/shared.ts";
import { MediaError } from "@vcs/media/errors";
import { VideoReader } from "@vcs/media/video_reader";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { decodeOnly } from "./decode_only.ts";
import { resolveDecodeConfig } from "./config/fields.ts";
import { PatchStreamError } from "./errors.ts";
import { patchStream } from "./patch_stream.ts";
import { SampledVideo } from "./sampling/sampled_video.ts";

/** A film of our own: 640 by 360, 144 frames, key frames at 0 and 72. */
const clip = fileURLToPath(new URL("../../apps/demo/clip.mp4", import.meta.url));
const shared = (name: string) => sharedPath(`data/video/${name}`);

Deno.test("patchStream() keeps what moves", async () => {
  const config = { videoPath: clip, kKeep: 300, keyFrames: "score" } as const;
  using session = await patchStream(config);
  const { metadata, patches, fields, scores, scoreMap, grid, frames, pts } = session.collect();
  assert.deepEqual([grid.gridW, grid.gridH, grid.targetW, grid.targetH], [22, 12, 308, 168]);
  assert.deepEqual(patches.shape, [300, 3, 14, 14]);
  assert.deepEqual(fields.shape, [300, 6]);
  assert.deepEqual(scoreMap.shape, [16, 12, 22]);
  assert.deepEqual(frames.shape, [16, 168, 308, 3]);
  assert.equal(scores.data.length, 300);
  assert.deepEqual(session.sampledFrameIds.slice(0, 3), [0, 9, 19]);
  assert.ok(Math.abs(pts[15]! - 143 / 24) < 1e-6);
  // The sky's middle and the meadow are still, the train and the balloon are not.
  assert.ok(metadata.every(({ patchHIdx }) => patchHIdx < 10));
  assert.ok(metadata.some(({ patchHIdx }) => patchHIdx === 9));
  for (const { seqPos, patchHIdx, patchWIdx, patchLinearIdx, score } of metadata) {
    assert.equal(patchLinearIdx, (seqPos * 12 + patchHIdx) * 22 + patchWIdx);
    assert.equal(score, scoreMap.data[patchLinearIdx]);
  }
});

Deno.test("patchStream() gives all patches, or none, as asked", async () => {
  const config = { videoPath: clip, sequenceLength: 2, outputDtype: "float16" } as const;
  using all = await patchStream({ ...config, kKeep: 1e6 });
  assert.equal(all.length, 2 * 22 * 12);
  assert.deepEqual(all.metadata.map((record) => record.patchLinearIdx), [...Array(528).keys()]);
  using none = await patchStream({ ...config, kKeep: 0 });
  assert.deepEqual(none.patches.shape, [0, 3, 14, 14]);
  assert.equal(none.patches.dtype, "F16");
});

Deno.test("the ways to reach frames all reach the same ones", async () => {
  const decode = async (config: Partial<Parameters<typeof decodeOnly>[0]>) =>
    await decodeOnly({ videoPath: clip, sequenceLength: 5, ...config });
  const { frames, sampledFrameIds } = await decode({});
  assert.deepEqual(sampledFrameIds, [0, 35, 71, 107, 143]);
  const ways = [
    { uniformStrategy: "seek" },
    { uniformStrategy: "stream" },
    { uniformAutoRatio: 1 },
    { uniformAutoRatio: 1000 },
    { decodeThreads: 1, decodeThreadType: "slice" },
    { readerCacheSize: 0 },
  ] as const;
  for (const way of ways) {
    assert.deepEqual((await decode(way)).frames, frames, JSON.stringify(way));
  }
});

Deno.test({
  name: "the ways to reach frames need no node-av",
  ...needs(hasPrograms("ffmpeg", "ffprobe")),
  fn: async () => {
    await using reader = await VideoReader.open(clip, { backend: "ffmpeg" });
    const ways = [
      { uniformStrategy: "seek" },
      { uniformStrategy: "stream" },
      { uniformAutoRatio: 1000 },
    ] as const;
    for (const way of ways) {
      const config = resolveDecodeConfig({ videoPath: clip, sequenceLength: 3, ...way });
      const frames = await Array.fromAsync(new SampledVideo(reader, config).frames());
      assert.deepEqual(frames.map(({ index }) => index), [0, 71, 143], JSON.stringify(way));
    }
  },
});

Deno.test("frames of a short sequence repeat", async () => {
  const config = { videoPath: clip, sequenceLength: 200 };
  const { frames, sampledFrameIds } = await decodeOnly(config);
  assert.equal(frames.shape[0], 200);
  assert.equal(sampledFrameIds[1], 0);
  const size = frames.data.length / 200;
  assert.deepEqual(frames.data.subarray(size, 2 * size), frames.data.subarray(0, size));
  using session = await patchStream({ ...config, kKeep: 64 });
  const { scoreMap } = session.collect();
  assert.ok(scoreMap.data.subarray(264, 528).every((score) => score === 0));
});

Deno.test("codec energy finds what moves from motion vectors alone", async () => {
  const config = { videoPath: clip, energy: "codec", keyFrames: "score", kKeep: 200 } as const;
  using session = await patchStream(config);
  const rows = session.metadata.map((record) => record.patchHIdx);
  const still = rows.filter((row) => row > 10).length;
  assert.ok(still < 20, `${still} of 200 patches lie in the meadow`);
  assert.ok(Math.max(...session.scores.data) > 20);
});

Deno.test("profiles report the stages", async () => {
  using session = await patchStream({ videoPath: clip, sequenceLength: 3, profile: true });
  const { timings } = session.collect();
  assert.ok(timings!.total >= timings!.decode && timings!.energy > 0 && timings!.resize > 0);
  using plain = await patchStream({ videoPath: clip, sequenceLength: 3 });
  assert.equal(plain.collect().timings, undefined);
});

Deno.test("work stops at an abort, and reports progress until then", async () => {
  const abort = new AbortController();
  const seen: number[] = [];
  const onProgress = (done: number, all: number) => {
    seen.push(all);
    if (done === 3) abort.abort(new Error("enough"));
  };
  const config = { videoPath: clip, signal: abort.signal, onProgress };
  await assert.rejects(patchStream(config), /enough/);
  assert.deepEqual([...new Set(seen)], [16]);
});

Deno.test("what is not there is named", async () => {
  await assert.rejects(patchStream({ videoPath: "no such.mp4" }), Deno.errors.NotFound);
  await assert.rejects(patchStream({ videoPath: "/" }), Deno.errors.IsADirectory);
  await assert.rejects(
    patchStream({ videoPath: new TextEncoder().encode("no video, but some text") }),
    (error) => error instanceof MediaError && error.code === "invalid-media",
  );
});

sharedTest("portrait, tiny, 10-bit and odd clips give their patches", async () => {
  const names = [
    ["decord_video_90.mov", [320, 568]],
    ["one_pixel_1x1.mp4", [1, 1]],
    ["roadtrip_vp9_10bit.webm", undefined],
    ["bikes_odd_321x181.webm", [321, 181]],
    ["one_frame_mpeg4.mp4", undefined],
  ] as const;
  for (const [name, size] of names) {
    using session = await patchStream({ videoPath: shared(name), sequenceLength: 4, kKeep: 40 });
    const { width, height } = session.collect();
    if (size) assert.deepEqual([width, height], size, name);
    assert.equal(session.length, 40, name);
  }
});

sharedTest("a cut-off clip throws, or gives what can be saved", async () => {
  const config = { videoPath: shared("trunc_bikes_faststart60.mp4"), sequenceLength: 8, kKeep: 64 };
  await assert.rejects(
    patchStream(config),
    (error) => error instanceof MediaError && error.code === "decode-failed",
  );
  using nearest = await patchStream({ ...config, onError: "nearest" });
  assert.equal(nearest.sampledFrameIds.length, 8);
  assert.ok(nearest.collect().replaced.length > 0);
  using skipped = await patchStream({ ...config, onError: "skip" });
  const { sampledFrameIds, scoreMap } = skipped.collect();
  assert.ok(sampledFrameIds.length > 0 && sampledFrameIds.length < 8);
  assert.equal(scoreMap.shape[0], sampledFrameIds.length);
});

sharedTest("patches of a clip with a missing frame are those of their own frames", async () => {
  const config = {
    videoPath: shared("decord_corrupted.mp4"),
    sequenceLength: 50,
    onError: "skip",
    keyFrames: "score",
    decodeThreads: 1,
  } as const;
  using every = await patchStream({ ...config, kKeep: 1e6 });
  const key = (fields: BigInt64Array) => `${fields[1]}/${fields[3]}`;
  const known = new Map<string, Uint8Array>();
  for (let n = 0; n < every.length; n++) {
    const { patches, fields } = every.next();
    known.set(key(fields.data), new Uint8Array(patches.data.slice().buffer));
  }
  using codec = await patchStream({ ...config, energy: "codec", kKeep: 300 });
  assert.ok(!codec.sampledFrameIds.includes(30));
  assert.equal(codec.collect().frames.shape[0], 49);
  for (let n = 0; n < 300; n++) {
    const { patches, fields } = codec.next();
    const found = new Uint8Array(patches.data.slice().buffer);
    assert.deepEqual(found, known.get(key(fields.data)), `patch ${n}`);
  }
});

sharedTest("a still clip falls back to whole frames where asked", async () => {
  const config = {
    videoPath: shared("black_25s.mp4"),
    sequenceLength: 8,
    kKeep: 3 * 252,
    energy: "reference",
    staticUniformFrames: 2,
  } as const;
  const framesOf = async (staticFallback: boolean) => {
    using session = await patchStream({ ...config, staticFallback });
    const counts = new Map<number, number>();
    for (const { seqPos, isI } of session.metadata) {
      if (!isI) counts.set(seqPos, (counts.get(seqPos) ?? 0) + 1);
    }
    return { counts, perFrame: session.grid.gridW * session.grid.gridH };
  };
  const { counts, perFrame } = await framesOf(true);
  assert.equal(perFrame, 252);
  assert.deepEqual([...counts.values()], [252, 252]);
  assert.ok(counts.size < (await framesOf(false)).counts.size);
});

Deno.test("a GPU processes, or it is a clear error that there is none", async () => {
  const config = { videoPath: clip, sequenceLength: 3, kKeep: 64 } as const;
  try {
    using session = await patchStream({ ...config, processBackend: "gpu" });
    assert.equal(session.length, 64);
  } catch (error) {
    assert.ok(error instanceof PatchStreamError, String(error));
    assert.equal(error.code, "backend-unavailable");
    assert.match(error.message, /Cannot process on a GPU: .*cuda/);
  }
});
