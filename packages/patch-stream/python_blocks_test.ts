import { sharedPath, sharedTest } from "#testing/shared.ts";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { DecodeConfig, PatchStreamConfig } from "./config.ts";
import { decodeOnly } from "./decode_only.ts";
import { patchStream } from "./patch_stream.ts";

const videoPath = fileURLToPath(new URL("../../apps/demo/clip.mp4", import.meta.url));

/** `patch_stream(PatchStreamConfig(…))` of both READMEs; on the CPU, where the GPU is asked for. */
const PATCHES = {
  videoPath,
  sequenceLength: 16,
  decodeBackend: "cpu",
  processBackend: "cpu",
  decodeDeviceId: 0,
  processDeviceId: 0,
  uniformStrategy: "auto",
  inputSize: 224,
  patchSize: 14,
  kKeep: 2048,
  outputDtype: "bfloat16",
} as const satisfies PatchStreamConfig;

/** `decode_only(DecodeConfig(…))` of both. */
const FRAMES = {
  videoPath,
  sequenceLength: 16,
  decodeBackend: "auto",
  decodeDeviceId: 0,
  uniformStrategy: "auto",
} as const satisfies DecodeConfig;

/** What fields of 0.3 are now; those that are not set or have no meaning any more are not there. */
const FORMERLY: Readonly<Record<string, readonly string[]>> = {
  backend: ["decodeBackend", "processBackend"],
  deviceId: ["decodeDeviceId", "processDeviceId"],
  decodeMode: [],
  minPixels: [],
  maxPixels: [],
};

/** Names of our fields for those of the configurations in a text, one list for each. */
function fieldsIn(text: string, kind: string): string[][] {
  const configs = text.matchAll(new RegExp(`${kind}\\(\\n([^]*?)\\n    \\)`, "g"));
  return configs.map(([, body = ""]) =>
    body.matchAll(/(\w+)=/g).flatMap(([, name = ""]) => {
      const ours = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
      return FORMERLY[ours] ?? [ours];
    }).toArray()
  ).toArray();
}

sharedTest("every Python block about patches has its counterpart here", async () => {
  const texts: string[] = [];
  for await (const { name } of Deno.readDir(sharedPath("seeds"))) {
    const text = await Deno.readTextFile(sharedPath(`seeds/${name}`));
    if (text.includes("from codec_patch_stream import")) texts.push(text);
  }
  assert.equal(texts.length, 2);
  for (const text of texts) {
    const [patches] = fieldsIn(text, "PatchStreamConfig");
    assert.deepEqual(new Set(patches), new Set(Object.keys(PATCHES)));
    const [frames = []] = fieldsIn(text, "DecodeConfig");
    const decoding = frames.filter((name) => !name.startsWith("process"));
    assert.deepEqual(new Set(decoding), new Set(Object.keys(FRAMES)));
  }
});

Deno.test("patches and metadata tensors, as the Python blocks read them", async () => {
  const session = await patchStream(PATCHES);
  const { patches, fields, scores } = session;
  session.close();
  assert.deepEqual([patches.dtype, ...patches.shape], ["BF16", 2048, 3, 14, 14]);
  assert.deepEqual([fields.shape, scores.shape], [[2048, 6], [2048]]);
});

Deno.test("frames and their bytes, as the Python blocks read them", async () => {
  const decoded = await decodeOnly(FRAMES);
  assert.deepEqual(decoded.frames.shape, [16, 360, 640, 3]);
  assert.equal(decoded.frames.data.length, 16 * 360 * 640 * 3);
});
