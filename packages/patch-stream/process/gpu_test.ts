import assert from "node:assert/strict";
import { defined } from "@vcs/transport/internal";
import { makeScene, SCENE } from "../testdata/scene.ts";
import { random } from "#testing/fuzz.ts";
import { sharedPath, sharedTest } from "#testing/shared.ts";
import { resolveDevice } from "@vcs/onnx/devices";
import { modelBytes } from "@vcs/onnx";
import { Session } from "@vcs/onnx/session";
import { tensor } from "@vcs/transport/tensor";
import { analysisSize, type PlaneSize } from "../energy/energy.ts";
import { REFERENCE } from "../config.ts";
import { decodeOnly } from "../decode_only.ts";
import { PatchStreamError } from "../errors.ts";
import { planGrid } from "../sampling/grid.ts";
import type { EnergyMode, ProcessedClip, ProcessPlan, ProcessStage } from "./process.ts";
import { openStage } from "./backend.ts";
import { openCpuStage } from "./cpu.ts";
import { findGpu, openGpuStage } from "./gpu.ts";
import { processGraph } from "./gpu_graph.ts";
import { selectPatches } from "../select/select.ts";

/** Frames in which a bright texture moves over a still one, with a little noise. */
function movingFrames({ width, height }: PlaneSize, count: number, seed: number): Uint8Array[] {
  const next = random(seed);
  const still = Uint8Array.from({ length: width * height * 3 }, () => next() * 120);
  return Array.from({ length: count }, (_, frame) => {
    const data = still.map((v) => v + next() * 6);
    for (let y = 0; y < height / 3; y++) {
      for (let x = 0; x < width / 4; x++) {
        const at = 3 * ((y + 5) * width + (x + frame * 7) % width);
        data.fill(100 + (x * 37 + y * 91) % 150, at, at + 3);
      }
    }
    return data;
  });
}

function planOf(size: PlaneSize, energy: EnergyMode, samples: number[], more = {}): ProcessPlan {
  const grid = planGrid(size.width, size.height, { inputSize: 112 });
  const rest = {
    samples,
    grid,
    energy,
    energyPct: 95,
    compensate: true,
    antialias: false,
    change: true,
  };
  return { ...size, ...rest, ...more };
}

async function processed(
  stage: ProcessStage,
  frames: Uint8Array[],
  energy?: Float32Array,
): Promise<ProcessedClip> {
  await using _ = stage;
  for (const [number, data] of frames.entries()) {
    await stage.add({ number, data: data.slice(), ...defined({ energy }) });
  }
  return await stage.finish();
}

function selection(plan: ProcessPlan, { scores }: ProcessedClip, unit: "patch" | "block2x2") {
  const { gridW, gridH } = plan.grid;
  const isKey = plan.samples.map((_, t) => t === 0);
  return selectPatches({ scores, gridW, gridH, isKey }, {
    kKeep: gridW * gridH * 2,
    unit,
    keyFrames: "all",
    ties: "lowest",
  });
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((worst, v, i) => Math.max(worst, Math.abs(v - b[i]!)), 0);
}

for (const energy of ["blocksad", "reference", "codec"] as const) {
  Deno.test(`the graph finds the CPU stage's numbers and selection: ${energy}`, async () => {
    for (const size of [{ width: 161, height: 90 }, { width: 64, height: 200 }]) {
      const samples = [0, 1, 2, 2, 3];
      const plan = planOf(size, energy, samples);
      const frames = movingFrames(size, 4, 5);
      const plane = analysisSize(size.width, size.height, energy);
      const next = random(9);
      const map = energy === "codec"
        ? Float32Array.from({ length: plane.width * plane.height }, next)
        : undefined;
      const expected = await processed(openCpuStage(plan, { threads: 1 }), frames, map);
      const found = await processed(await openGpuStage(plan, "cpu"), frames, map);
      assert.ok(largestDifference(found.scores, expected.scores) <= 2e-5);
      assert.ok(largestDifference(found.change!, expected.change!) <= 1e-6);
      for (const [n, pixels] of found.pixels.entries()) {
        assert.deepEqual(pixels, expected.pixels[n]);
      }
      for (const unit of ["patch", "block2x2"] as const) {
        assert.deepEqual(selection(plan, found, unit), selection(plan, expected, unit));
      }
    }
  });
}

Deno.test("blocksad scores are equal bit for bit: whole numbers up to the last factor", async () => {
  const size = { width: 320, height: 180 };
  const plan = planOf(size, "blocksad", [0, 1, 2]);
  const frames = movingFrames(size, 3, 11);
  const expected = await processed(openCpuStage(plan, { threads: 1 }), frames);
  const found = await processed(await openGpuStage(plan, "cpu"), frames);
  assert.deepEqual(found.scores, expected.scores);
});

Deno.test("blocksad scores are equal under a pan, past black frames and repeated ones", async () => {
  const plan = planOf(SCENE, "blocksad", [0, 1, 1, 2, 3, 4], { change: false });
  const light = (frame: number) => frame === 2 ? [0, 16] as const : [1 - 0.1 * frame, 4] as const;
  const frames = makeScene({ pan: 120, light }).slice(0, 5);
  const expected = await processed(openCpuStage(plan, { threads: 1 }), frames);
  const found = await processed(await openGpuStage(plan, "cpu"), frames);
  assert.deepEqual(found.scores, expected.scores);
  const cells = plan.grid.gridW * plan.grid.gridH;
  const sum = (t: number) =>
    expected.scores.subarray(t * cells, (t + 1) * cells).reduce((a, b) => a + b);
  assert.deepEqual([sum(2), sum(3)], [0, 0]); // repeated, black
  assert.ok(sum(4) > 0 && sum(4) < 2 * sum(1), `${sum(1)} ${sum(4)}`);
});

Deno.test("the antialiased resize agrees to a thousandth of a level", async () => {
  const size = { width: 320, height: 180 };
  const plan = planOf(size, "blocksad", [0, 1], { antialias: true, change: false });
  const frames = movingFrames(size, 2, 3);
  const expected = await processed(openCpuStage(plan, { threads: 1 }), frames);
  const found = await processed(await openGpuStage(plan, "cpu"), frames);
  assert.equal(found.change, undefined);
  for (const [n, pixels] of found.pixels.entries()) {
    assert.ok(largestDifference(pixels, expected.pixels[n]!) < 1e-3);
  }
});

Deno.test("the graph without float64, as WebGPU runs it, chooses the same patches", async () => {
  const size = { width: 320, height: 180 };
  for (const energy of ["blocksad", "reference"] as const) {
    const plan = planOf(size, energy, [0, 1], { compensate: false });
    const frames = movingFrames(size, 2, 21);
    const expected = await processed(openCpuStage(plan, { threads: 1 }), frames);
    const graph = processGraph(plan, { float64: false });
    assert.ok(graph.weights.every(({ value }) => value.dtype !== "F64"));
    using session = await Session.open(await modelBytes(graph), { device: "cpu" });
    const { width, height } = analysisSize(size.width, size.height, energy);
    let previous = tensor("F32", [height, width]);
    let scores = new Float32Array();
    for (const data of frames) {
      const rgb = tensor("U8", [size.height, size.width, 3], data);
      const result = await session.run({ rgb, previous });
      previous = result.luma as typeof previous;
      scores = result.scores!.data as Float32Array<ArrayBuffer>;
    }
    const order = (values: Float32Array) =>
      [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b).slice(0, 20)
        .sort((a, b) => a - b);
    const cells = plan.grid.gridW * plan.grid.gridH;
    assert.deepEqual(order(scores), order(expected.scores.slice(cells)));
  }
});

/** What codec-patch-stream gave for a clip. */
interface Golden {
  readonly name: string;
  readonly file: string;
  readonly config: {
    readonly k_keep: number;
    readonly selection_unit?: string;
    readonly patch_size?: number;
    readonly input_size?: number;
    readonly energy_pct?: number;
  };
  readonly width: number;
  readonly height: number;
  readonly sampled_frame_ids: readonly number[];
  readonly is_i_seq: readonly number[];
  readonly linear_idx: readonly number[];
}

async function goldenSelection({ file, config, is_i_seq, sampled_frame_ids }: Golden) {
  const { energy, ...colors } = REFERENCE;
  const videoPath = sharedPath(`data/video/${file}`);
  const sequenceLength = sampled_frame_ids.length;
  const { frames, width, height } = await decodeOnly({ videoPath, sequenceLength, ...colors });
  const samples = sampled_frame_ids.map((_, n) => n);
  const { patch_size: patchSize = 14, input_size: inputSize = 224, energy_pct = 95 } = config;
  const grid = planGrid(width, height, { patchSize, inputSize });
  const rest = { energyPct: energy_pct, compensate: true, antialias: false, change: false };
  const plan = { width, height, samples, grid, energy, ...rest };
  const size = 3 * width * height;
  const list = samples.map((n) => frames.data.subarray(n * size, (n + 1) * size));
  const { scores } = await processed(await openGpuStage(plan, "cpu"), list);
  const isKey = samples.map((n) => is_i_seq.includes(n));
  return selectPatches({ scores, ...grid, isKey }, {
    kKeep: config.k_keep,
    unit: config.selection_unit === "block2x2" ? "block2x2" : "patch",
    keyFrames: "all",
    ties: "reference",
  });
}

sharedTest("on real clips the graph selects codec-patch-stream's own patches", async (t) => {
  const text = await Deno.readTextFile(sharedPath("golden/patch-stream-more.json"));
  const cases = (JSON.parse(text).cases as Golden[])
    .filter(({ width }) => width % 16 === 0);
  assert.ok(cases.length >= 6);
  for (const golden of cases) {
    await t.step(golden.name, async () => {
      assert.deepEqual([...await goldenSelection(golden)], golden.linear_idx);
    });
  }
});

const gpu = await findGpu(0).catch(() => undefined);

Deno.test({
  name: "a GPU that is not there is an error with the reasons and the way out",
  ignore: gpu !== undefined,
  fn: async () => {
    const plan = planOf({ width: 64, height: 64 }, "blocksad", [0]);
    const config = {
      processBackend: "gpu",
      processDeviceId: 0,
      processThreads: 1,
      prefetchDepth: 1,
    } as const;
    await assert.rejects(openStage(plan, config), (error) => {
      assert.ok(error instanceof PatchStreamError);
      assert.equal(error.code, "backend-unavailable");
      assert.match(error.message, /cuda:0: .*webgpu: .*"cpu" and "auto" need none/);
      return true;
    });
  },
});

Deno.test({
  name: "a GPU chooses the CPU stage's patches",
  ignore: gpu === undefined,
  fn: async () => {
    const { device } = await resolveDevice(gpu!);
    const size = { width: 320, height: 180 };
    const plan = planOf(size, "blocksad", [0, 1, 2]);
    const frames = movingFrames(size, 3, 11);
    const expected = await processed(openCpuStage(plan, { threads: 1 }), frames);
    const found = await processed(await openGpuStage(plan, device), frames);
    assert.deepEqual(selection(plan, found, "patch"), selection(plan, expected, "patch"));
  },
});
