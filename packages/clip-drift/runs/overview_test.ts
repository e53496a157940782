import assert from "node:assert/strict";
import { join } from "node:path";
import { METRICS } from "../drift.ts";
import { RunLevels } from "./levels.ts";
import { readRunOverview, readRunSnapshots, shared } from "./overview.ts";
import type { RunFrame } from "./writer.ts";

async function temporary(fn: (run: string) => Promise<void>): Promise<void> {
  const run = await Deno.makeTempDir();
  try {
    await fn(run);
  } finally {
    await Deno.remove(run, { recursive: true });
  }
}

const PEAK = 7;

/** A frame whose drift is high once in a thousand, and whose `moved` there is none in the first half. */
function frame(index: number, count: number): RunFrame {
  const drift = index % 1000 === PEAK ? 0.5 + index / 1e5 : 0.001;
  const moved = index < count / 2 ? {} : { moved: index };
  const row = { similarity: 1 - drift, drift, ...moved } as RunFrame["row"];
  return {
    index,
    timestamp: index,
    row,
    embedding: new Float32Array(1),
    jpeg: () => new Uint8Array(),
  };
}

const peaksOf = (values: readonly (number | null)[] = []) => values.filter((v) => v! >= 0.5);

Deno.test("an overview of frames keeps every peak in few points, and counts all lines", async () => {
  await temporary(async (run) => {
    const frames = Array.from({ length: 12345 }, (_, i) => frame(i, 12345));
    const lines = frames.map(({ index, row }) =>
      `${index},${index},${row.similarity},${row.drift}`
    );
    const text = `timestamp,frame_idx,similarity,drift\r\n${lines.join("\r\n")}\r\n12345,123`;
    await Deno.writeTextFile(join(run, "drift.csv"), text);
    for (const points of [100, 20_000]) {
      const { frames: count, curves: [curve] } = await readRunOverview(run, points);
      assert.equal(count, frames.length);
      const { times, measures } = curve!;
      assert.ok(times.length <= points && times.length >= Math.min(points / 2, count));
      assert.deepEqual(Object.keys(measures), ["drift"]);
      assert.equal(peaksOf(measures.drift).length, 13);
    }
  });
});

Deno.test("an overview of a long run reads its summaries, and not its frames", async () => {
  await temporary(async (run) => {
    const count = 40_001;
    await using levels = await RunLevels.create(run);
    for (let index = 0; index < count; index++) await levels.add(frame(index, count));
    await levels.finish();
    // What is read of it is an error.
    for (const name of ["drift.csv", "metrics.csv"]) await Deno.mkdir(join(run, name));
    const { frames, curves } = await readRunOverview(run, 2000);
    assert.equal(frames, count);
    assert.equal(curves.length, 1);
    const { times, measures: { drift = [], moved = [], cut } } = curves[0]!;
    assert.equal(times.length, Math.ceil(count / 64));
    assert.deepEqual(times.slice(0, 3), [0, 64, 128]);
    assert.deepEqual(peaksOf(drift)[3], 0.5 + (3000 + PEAK) / 1e5);
    assert.deepEqual([moved[0], moved.at(-1), cut], [null, count - 1, undefined]);
    assert.equal(moved[312], 20_031, "a stretch in whose midst the first value came");
  });
});

Deno.test("a run of hours is read from its coarsest summary that is fine enough", async () => {
  await temporary(async (run) => {
    const line = (frames: number) => `1,${frames},${METRICS.map(() => "0.5").join()}\r\n`;
    const head = `timestamp,frames,${METRICS.join()}\r\n`;
    for (const [frames, lines] of [[16, 9000], [256, 600], [4096, 40]] as const) {
      await Deno.writeTextFile(join(run, `peaks_${frames}.csv`), head + line(frames).repeat(lines));
    }
    const { frames, curves } = await readRunOverview(run, 2000);
    assert.equal(curves[0]!.times.length, 600);
    assert.equal(frames, 600 * 256);
  });
});

Deno.test("an overview has what happened, and the snapshots of alerts", async () => {
  await temporary(async (run) => {
    await Deno.mkdir(join(run, "snapshots"));
    for (let i = 0; i < 90; i++) {
      await Deno.writeTextFile(
        join(run, "snapshots", `frame_${String(i).padStart(6, "0")}.jpg`),
        "",
      );
    }
    const alert = { type: "alert", rule: "scene", metric: "cut", value: 0.5, threshold: 0.4 };
    const events = [
      { type: "gap", from: 1, to: 3, seconds: 2 },
      { ...alert, time: 4, frame: 89 },
      { ...alert, time: 5, frame: 90 },
      { type: "lost", time: 2, message: "refused" },
      { type: "lost", time: null },
      7,
    ];
    const lines = events.map((event) => JSON.stringify(event));
    await Deno.writeTextFile(join(run, "events.jsonl"), `${lines.join("\n")}\nnonsense\n{"type":`);
    const { marks } = await readRunOverview(run, 10);
    const text = "scene: cut 0.5000 above 0.4000";
    assert.deepEqual(marks, [
      { time: 2, type: "lost", text: "refused" },
      { time: 3, type: "gap", text: "No frames for 2.0 s" },
      { time: 4, type: "alert", text, snapshot: "frame_000089.jpg" },
      { time: 5, type: "alert", text, snapshot: "frame_000090.jpg" },
    ]);
    const { count, some, alerts } = await readRunSnapshots(run);
    assert.deepEqual([some.length, count, some[0]], [60, 90, "frame_000000.jpg"]);
    assert.deepEqual(alerts, ["frame_000089.jpg"]);
  });
});

Deno.test("alerts are shown though more than enough happened since", async () => {
  await temporary(async (run) => {
    const alert = JSON.stringify({ type: "alert", time: 1, frame: 0 });
    const lost = `\n${JSON.stringify({ type: "lost", time: 2, message: "x".repeat(5000) })}`;
    await Deno.writeTextFile(join(run, "events.jsonl"), `${alert}${lost.repeat(700)}\n`);
    const { marks } = await readRunOverview(run, 10);
    assert.deepEqual([marks.length, marks[0]!.type, marks[1]!.text.length], [500, "alert", 300]);
    await Deno.writeTextFile(join(run, "events.jsonl"), `${alert}${lost.repeat(900)}\n`);
    assert.equal((await readRunOverview(run, 10)).marks[0]!.type, "lost");
  });
});

Deno.test("those who ask for a run while it is read share the reading, and no later one", async () => {
  let gate = Promise.withResolvers<number>();
  const read: string[] = [];
  const ask = shared((path) => (read.push(path), gate.promise));
  const asked = [ask("a"), ...Array.from({ length: 9 }, () => ask("a")), ask("b")];
  gate.resolve(7);
  assert.deepEqual(await Promise.all(asked), Array(11).fill(7));
  assert.deepEqual(read, ["a", "b"]);
  gate = Promise.withResolvers();
  gate.reject(new Error("broken"));
  await assert.rejects(ask("a"), /broken/);
  await assert.rejects(ask("a"), /broken/);
  assert.deepEqual(read, ["a", "b", "a", "a"]);
});
