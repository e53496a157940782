import assert from "node:assert/strict";
import { type PatchStreamConfig, REFERENCE } from "./config.ts";
import {
  DECODE_FIELDS,
  PROCESS_FIELDS,
  resolveDecodeConfig,
  resolvePatchConfig,
} from "./config/fields.ts";
import { decodeOnly } from "./decode_only.ts";
import { patchStream } from "./patch_stream.ts";

const resolve = (config: Record<string, unknown>) =>
  resolvePatchConfig({ videoPath: "a.mp4", ...config } as PatchStreamConfig);

Deno.test("defaults are those of version 0.4", () => {
  const config = resolve({});
  const expected = {
    sequenceLength: 16,
    decodeBackend: "auto",
    decodeDeviceId: 0,
    uniformStrategy: "auto",
    nvdecSessionPoolSize: 2,
    decodeThreads: 0,
    decodeThreadType: "auto",
    readerCacheSize: 8,
    nvdecReuseOpenDecoder: true,
    processBackend: "auto",
    processDeviceId: 0,
    inputSize: 224,
    patchSize: 14,
    kKeep: 2048,
    selectionUnit: "patch",
    staticFallback: false,
    staticAbsThresh: 2,
    staticRelThresh: 0.15,
    staticUniformFrames: 4,
    energyPct: 95,
    outputDtype: "bfloat16",
    prefetchDepth: 3,
  };
  for (const [name, value] of Object.entries(expected)) {
    assert.equal((config as unknown as Record<string, unknown>)[name], value, name);
  }
});

Deno.test("words are taken in any case, with blanks, and by their other names", () => {
  assert.equal(resolve({ decodeBackend: " CPU " }).decodeBackend, "cpu");
  assert.equal(resolve({ outputDtype: "BF16" }).outputDtype, "bfloat16");
  assert.equal(resolve({ outputDtype: "fp32" }).outputDtype, "float32");
  assert.equal(resolve({ selectionUnit: "block", kKeep: 4 }).selectionUnit, "block2x2");
  assert.deepEqual(resolve({ keyFrames: { fraction: 0.25 } }).keyFrames, { fraction: 0.25 });
});

Deno.test("names of version 0.3 are rejected with what replaced them", () => {
  assert.throws(() => resolve({ backend: "cpu" }), /decodeBackend and processBackend/);
  assert.throws(() => resolve({ deviceId: 0 }), /decodeDeviceId and processDeviceId/);
  assert.throws(() => resolve({ decodeMode: "auto" }), /decodeMode/);
  assert.throws(() => resolve({ patches: 14 }), /no such field, the README/);
});

Deno.test("names and numbers of codec-patch-stream are refused with what they are here", () => {
  assert.throws(() => resolve({ sequence_length: 16 }), /sequence_length: .* sequenceLength here/);
  assert.throws(() => resolve({ video_path: "a" }), /it is videoPath here/);
  assert.throws(() => resolve({ topk: 16 }), /it is kKeep here/);
  assert.throws(() => resolve({ decode_mode: "auto" }), /always tuned for throughput/);
  assert.throws(() => resolve({ nvdecReuseOpenDecoder: 1 }), /found 1, .*\(1 is true here\)/);
  assert.throws(() => resolve({ nvdecReuseOpenDecoder: 0 }), /found 0, .*\(0 is false here\)/);
});

const WRONG: [config: Record<string, unknown>, kind: typeof RangeError, message: RegExp][] = [
  [
    { sequenceLength: 0 },
    RangeError,
    /Cannot use sequenceLength: found 0, expected whole numbers from 1 to 100000$/,
  ],
  [{ sequenceLength: 1.5 }, RangeError, /found 1.5/],
  [{ sequenceLength: NaN }, RangeError, /found NaN/],
  [{ sequenceLength: 100_001 }, RangeError, /sequenceLength/],
  [{ sequenceLength: "16" }, RangeError, /found "16"/],
  [{ uniformStrategy: "fast" }, TypeError, /found "fast", expected auto, seek, stream$/],
  [{ decodeBackend: "cuda" }, TypeError, /auto, cpu, gpu/],
  [{ outputDtype: "int8" }, TypeError, /bfloat16, float16, float32/],
  [{ selectionUnit: "row" }, TypeError, /patch, block2x2/],
  [{ energy: "best" }, TypeError, /blocksad, reference, codec/],
  [{ kKeep: -1 }, RangeError, /found -1, expected whole numbers from 0$/],
  [{ kKeep: 10.5 }, RangeError, /kKeep/],
  [{ kKeep: 10, selectionUnit: "block2x2" }, RangeError, /multiple of 4, as 8 or 12/],
  [{ minPixels: 10, maxPixels: 5 }, RangeError, /minPixels is 10/],
  [{ patchSize: 0 }, RangeError, /patchSize/],
  [{ patchSize: 225 }, RangeError, /larger than a frame/],
  [{ inputSize: 0 }, RangeError, /inputSize/],
  [{ energyPct: NaN }, RangeError, /energyPct/],
  [{ decodeDeviceId: -1 }, RangeError, /decodeDeviceId/],
  [{ processDeviceId: -1 }, RangeError, /processDeviceId/],
  [
    { keyFrames: { fraction: 2 } },
    RangeError,
    /keyFrames.fraction: found 2, expected numbers from 0 to 1$/,
  ],
  [{ keyFrames: "some" }, TypeError, /all, first, score/],
  [{ normalize: { mean: [0, 0, 0], std: [1, 0, 1] } }, RangeError, /three numbers/],
  [{ rotate: 1 }, TypeError, /true and false/],
  [{ videoPath: "" }, TypeError, /empty/],
  [{ videoPath: undefined }, TypeError, /missing/],
];

Deno.test("wrong values are rejected before anything is opened", async (t) => {
  for (const [config, kind, message] of WRONG) {
    await t.step(JSON.stringify(config), async () => {
      const whole = { videoPath: "no such file", ...config } as PatchStreamConfig;
      await assert.rejects(patchStream(whole), (error) => {
        assert.ok(error instanceof kind, String(error));
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /\.$/);
        return true;
      });
    });
  }
});

Deno.test("what only patches need is rejected where only frames are decoded", async () => {
  await assert.rejects(
    decodeOnly({ videoPath: "a.mp4", kKeep: 4 } as PatchStreamConfig),
    /no such field/,
  );
  assert.equal(resolveDecodeConfig({ videoPath: "a.mp4" }).sequenceLength, 16);
});

Deno.test("REFERENCE is a part of a configuration", () => {
  const { energy, color, indexRule, rotate } = resolve({ ...REFERENCE });
  assert.deepEqual({ energy, color, indexRule, rotate }, REFERENCE);
});

Deno.test("the documentation of each field has its default", async () => {
  const source = await Deno.readTextFile(new URL("./config.ts", import.meta.url));
  const documented = new Map(
    Array.from(
      source.matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\s+(\w+)\?:/g),
      ([, text, name]) => [name, /Default: ([^]*?)\.\s*$/.exec(text!)?.[1]?.replaceAll("`", "")],
    ),
  );
  for (const [name, { fallback }] of Object.entries({ ...DECODE_FIELDS, ...PROCESS_FIELDS })) {
    if (fallback !== undefined) assert.equal(documented.get(name), String(fallback), name);
    else assert.ok(documented.get(name), name);
  }
});

Deno.test("an energy to keep takes the place of a number, unless both are given", () => {
  assert.equal(resolve({ keepEnergy: 0.9 }).kKeep, Number.MAX_SAFE_INTEGER);
  assert.equal(resolve({ keepEnergy: 0.9, kKeep: 100 }).kKeep, 100);
  assert.throws(() => resolve({ keepEnergy: 1.1 }), RangeError);
  assert.throws(() => resolve({ minPerFrame: 3, maxPerFrame: 2 }), /at most maxPerFrame, 2/);
});
