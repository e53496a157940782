import { random } from "#testing/fuzz.ts";
import assert from "node:assert/strict";
import { VideoReader } from "@vcs/media/video_reader";
import { type FramesConfig, patchesOfFrames, sampleByIndex } from "./frames.ts";
import { patchStream } from "./patch_stream.ts";

const CLIP = "apps/demo/clip.mp4";

Deno.test("patchesOfFrames() keeps of decoded frames what patchStream() keeps of their video", async () => {
  await using reader = await VideoReader.open(CLIP);
  const { info: { width, height }, index } = reader;
  const ids = sampleByIndex(index.length, 6);
  const frames = (await Array.fromAsync(reader.framesAt(ids))).map(({ data }) => data);
  const isKey = ids.map((id) => index[id]!.keyframe);
  const settings = { kKeep: 300, outputDtype: "float16", normalize: "clip" } as const;
  for (const energy of ["blocksad", "reference"] as const) {
    const config = { ...settings, energy };
    const clip = { width, height, ids, isKey, frames: frames.map((rgb) => rgb.slice()) };
    const found = await patchesOfFrames(clip, config);
    using session = await patchStream({ videoPath: CLIP, sequenceLength: 6, ...config });
    assert.deepEqual(found.fields, session.fields);
    assert.deepEqual(found.patches, session.patches);
    assert.deepEqual(found.scoreMap, session.collect().scoreMap);
    assert.ok(found.pixels.every(({ buffer }) => buffer instanceof ArrayBuffer));
  }
});

Deno.test("patchesOfFrames() takes the first frame for the key frame and reports progress", async () => {
  const done: string[] = [];
  const frame = () => new Uint8Array(3 * 64 * 48);
  const { fields } = await patchesOfFrames(
    { width: 64, height: 48, ids: [3, 3, 9], frames: [frame(), frame()] },
    { kKeep: 1e6, onProgress: (n, all) => done.push(`${n} of ${all}`) },
  );
  const rows = Array.from(
    { length: fields.shape[0]! },
    (_, n) => fields.data.slice(6 * n, 6 * n + 3),
  );
  const kinds = new Set(rows.map((row) => row.join()));
  assert.deepEqual([...kinds], ["0,3,1", "1,3,0", "2,9,0"]);
  assert.deepEqual(done, ["1 of 2", "2 of 2"]);
});

Deno.test("patchesOfFrames() refuses what needs a decoder, unknown fields and frames of another size", async () => {
  const clip = { width: 64, height: 48, ids: [0], frames: [new Uint8Array(5)] };
  await assert.rejects(patchesOfFrames(clip, { energy: "codec" as "blocksad" }), /found codec/);
  await assert.rejects(patchesOfFrames(clip, { sequenceLength: 4 } as object), /no such field/);
  await assert.rejects(patchesOfFrames(clip), /frame 0 has 5 bytes/);
});

Deno.test("limits of score, frames and energy reach the choice", async () => {
  const next = random(6);
  const noise = () => Uint8Array.from({ length: 3 * 64 * 64 }, () => 256 * next());
  const ids = [0, 1, 2, 3];
  const clip = { width: 64, height: 64, ids, frames: ids.map(noise) };
  const kept = async (config: FramesConfig) =>
    await patchesOfFrames(clip, { keyFrames: "score", inputSize: 64, ...config });
  const { scoreMap } = await kept({});
  const all = scoreMap.data.reduce((sum, score) => sum + score, 0);
  const share = async (config: FramesConfig) =>
    (await kept(config)).scores.data.reduce((sum, score) => sum + score, 0) / all;
  const most = await share({ keepEnergy: 0.5 });
  assert.ok(most >= 0.5 && most < 0.6, `${most}`);
  const { scores } = await kept({ minScore: 100 });
  assert.ok(scores.data.length > 0 && scores.data.every((score) => score >= 100));
  assert.equal((await kept({ maxPerFrame: 2 })).scores.data.length, 8);
  const { fields } = await kept({ kKeep: 4, minPerFrame: 1 });
  assert.deepEqual([0, 6, 12, 18].map((at) => Number(fields.data[at])), ids);
});
