import { random } from "#testing/fuzz.ts";
import assert from "node:assert/strict";
import { planGrid } from "../sampling/grid.ts";
import type { EnergyMode, ProcessPlan } from "./process.ts";
import { openCpuStage } from "./cpu.ts";

function makePlan(size: number, samples: number[], energy: EnergyMode): ProcessPlan {
  const grid = planGrid(size, size);
  const plan = { width: size, height: size, samples, grid, energy };
  return { ...plan, energyPct: 95, compensate: true, antialias: false, change: true };
}

async function processAll(plan: ProcessPlan, frames: readonly Uint8Array[], threads: number) {
  await using stage = openCpuStage(plan, { threads, prefetchDepth: 2 });
  for (const [number, data] of frames.entries()) await stage.add({ number, data: data.slice() });
  return await stage.finish();
}

/** Frames of grey noise or nothing, with a textured square that moves 16 to 20 pixels a frame. */
function movingSquare(seed: number, textured: boolean, deviation: number) {
  const next = random(seed);
  const [size, side] = [448, 84];
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const still = Float32Array.from({ length: size * size }, () => textured ? 60 + 90 * next() : 110);
  const square = Float32Array.from({ length: side * side }, () => 20 + 215 * next());
  const places: [number, number][] = [];
  let [x, y] = [20, 40];
  const frames = Array.from({ length: 12 }, () => {
    const luma = still.slice();
    for (let n = 0; n < square.length; n++) {
      luma[(y + Math.floor(n / side)) * size + x + n % side] = square[n]!;
    }
    places.push([x, y]);
    x += 16 + Math.floor(5 * next());
    y += 16 + Math.floor(5 * next());
    const rgb = new Uint8Array(3 * size * size);
    luma.forEach((value, n) => {
      const seen = Math.min(255, Math.max(0, Math.round(value + deviation * normal())));
      rgb.fill(seen, 3 * n, 3 * n + 3);
    });
    return rgb;
  });
  return { frames, places, size, side };
}

/** Of as many patches as really changed, the share that the scores put first and that did. */
function precision(
  scores: Float32Array,
  places: readonly [number, number][],
  cells: number,
  cell: number,
  side: number,
): number {
  const changed = new Set<number>();
  for (let t = 1; t < places.length; t++) {
    for (const [x, y] of [places[t - 1]!, places[t]!]) {
      for (let row = Math.floor(y / cell); row * cell < y + side; row++) {
        for (let column = Math.floor(x / cell); column * cell < x + side; column++) {
          changed.add((t * cells + row) * cells + column);
        }
      }
    }
  }
  const ranked = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b);
  const picks = ranked.slice(0, changed.size);
  return picks.filter((pick) => changed.has(pick)).length / picks.length;
}

Deno.test("blocksad finds what moved better than the reference does", async (t) => {
  for (const [textured, deviation] of [[true, 0], [false, 0], [true, 3], [true, 8]] as const) {
    await t.step(`${textured ? "textured" : "flat"}, noise ${deviation}`, async () => {
      const { frames, places, size, side } = movingSquare(9, textured, deviation);
      const samples = frames.map((_, n) => n);
      const found = async (energy: EnergyMode) => {
        const plan = makePlan(size, samples, energy);
        const { scores } = await processAll(plan, frames, 1);
        return precision(scores, places, plan.grid.gridW, size / plan.grid.gridW, side);
      };
      const [better, reference] = [await found("blocksad"), await found("reference")];
      assert.ok(better >= 0.85, `blocksad ${better}`);
      assert.ok(better >= reference, `blocksad ${better}, reference ${reference}`);
    });
  }
});

Deno.test("threads find what the calling thread finds", async () => {
  const { frames, size } = movingSquare(10, true, 4);
  const samples = [0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
  for (const energy of ["blocksad", "reference"] as const) {
    const plan = makePlan(size, samples, energy);
    const here = await processAll(plan, frames, 1);
    const there = await processAll(plan, frames, 2);
    assert.deepEqual(there.scores, here.scores);
    assert.deepEqual(there.change, here.change);
    assert.deepEqual(there.pixels, here.pixels);
    assert.ok(there.timings.energy > 0);
  }
});

Deno.test("a still clip has no energy, except in reference mode", async () => {
  const next = random(11);
  const frame = Uint8Array.from({ length: 3 * 128 * 128 }, () => next() * 256);
  const frames = [frame, frame.slice(), frame.slice()];
  const run = async (energy: EnergyMode) =>
    await processAll(makePlan(128, [0, 1, 2], energy), frames, 1);
  const still = await run("blocksad");
  assert.ok(still.scores.every((score) => score === 0));
  assert.ok(still.change!.every((change) => change === 0));
  const flat = [new Uint8Array(frame.length).fill(90), new Uint8Array(frame.length).fill(90)];
  const reference = await processAll(makePlan(128, [0, 1], "reference"), flat, 1);
  const cells = reference.scores.length / 2;
  const mean = reference.scores.subarray(cells).reduce((a, b) => a + b) / cells / 14 ** 2;
  assert.ok(mean > 0.4 && mean < 0.5, `${mean}`);
});

Deno.test("a stage that is left before its end fails its jobs quietly", async () => {
  const plan = makePlan(64, [0, 1], "blocksad");
  const stage = openCpuStage(plan, { threads: 2 });
  await stage.add({ number: 0, data: new Uint8Array(3 * 64 * 64) });
  const finished = stage.finish();
  await stage[Symbol.asyncDispose]();
  await assert.rejects(finished, { name: "AbortError" });
});

Deno.test("a frame of the wrong size is an error, in threads too", async () => {
  for (const threads of [1, 2]) {
    const plan = makePlan(64, [0, 1], "blocksad");
    const short = [new Uint8Array(30), new Uint8Array(30)];
    await assert.rejects(processAll(plan, short, threads), /frame \d has 30 bytes/);
  }
});
