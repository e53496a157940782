import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeNpz } from "@vcs/transport/npz";
import { tensor } from "@vcs/transport/tensor";
import { mutations } from "#testing/fuzz.ts";
import { findPython } from "#testing/python.ts";
import { needing } from "#testing/shared.ts";
import { AppendFile } from "./append_file.ts";
import { DriftTracker } from "../drift.ts";
import { RunFolder, type RunFrame } from "./writer.ts";
import { listRuns, loadRunEmbeddings, readRun } from "./reader.ts";

const CONFIG = {
  streamUrl: "http://cam/stream.mjpg",
  device: "cpu",
  model: "ViT-B-32",
  pretrained: "openai",
  snapshotInterval: 30,
  embeddingInterval: 4,
  rollingWindow: 300,
  details: { activation: "quick_gelu" },
};
const START = 1_700_000_000.25;

/** Frames a second apart. */
function* frames(count: number): Generator<RunFrame> {
  const tracker = new DriftTracker();
  for (let index = 0; index < count; index++) {
    const embedding = Float32Array.of(Math.cos(index / 9), Math.sin(index / 9), 0);
    const timestamp = START + index;
    const row = tracker.push(embedding, timestamp);
    yield { index, timestamp, row, embedding, jpeg: () => Uint8Array.of(1, 2, index) };
  }
}

async function temporary(fn: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    await fn(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function writeRun(root: string, count: number, finish = true): Promise<string> {
  await using run = await RunFolder.create(CONFIG, { root });
  for (const frame of frames(count)) await run.write(frame);
  await run.event({ type: "alert", rule: "cut" });
  if (finish) {
    const similarity = { count: 9, mean: 0.5, std: 0.1, min: 0.2, max: 1 };
    await run.finish({ frames: count, seconds: 5, similarity, counters: { reconnects: 2 } });
  }
  return run.path;
}

Deno.test("RunFolder writes what the original writes, in its formats", async () => {
  await temporary(async (root) => {
    const path = await writeRun(root, 62);
    assert.match(path, /\d{8}_\d{6}$/);
    const drift = await Deno.readTextFile(join(path, "drift.csv"));
    const lines = drift.split("\r\n");
    assert.equal(lines[0], "timestamp,frame_idx,similarity,drift");
    assert.equal(lines[1], "1700000000.250000,0,1.000000,0.000000");
    assert.equal(lines[2], "1700000001.250000,1,0.993834,0.006166");
    assert.equal(lines.length, 64);
    const config = JSON.parse(await Deno.readTextFile(join(path, "config.json")));
    assert.match(config.start_time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/);
    assert.deepEqual(config.settings, {
      device: "cpu",
      model: "ViT-B-32",
      pretrained: "openai",
      snapshot_interval: 30,
      embedding_save_interval: 4,
      rolling_window: 300,
    });
    assert.equal(config.activation, "quick_gelu");
    const run = await readRun(path);
    assert.deepEqual(run.snapshots, ["frame_000000.jpg", "frame_000030.jpg", "frame_000060.jpg"]);
    assert.deepEqual(run.events, [{ type: "alert", rule: "cut" }]);
    const summary = run.summary as Record<string, unknown>;
    assert.deepEqual([summary.embedding_batches, summary.snapshots, summary.fps], [16, 3, 12.4]);
    assert.equal(summary.reconnects, 2);
    const frame = await Deno.readFile(join(path, "snapshots", "frame_000030.jpg"));
    assert.deepEqual(frame, Uint8Array.of(1, 2, 30));
  });
});

Deno.test("a run that was killed can be read up to its last complete batch", async () => {
  await temporary(async (root) => {
    const path = await writeRun(root, 10, false);
    await Deno.writeTextFile(join(path, "drift.csv"), "170000", { append: true });
    const run = await readRun(path);
    assert.equal(run.summary, undefined);
    assert.equal(run.drift.length, 10);
    const { embeddings, timestamps, frameIndices } = await loadRunEmbeddings(path);
    assert.deepEqual(embeddings.shape, [8, 3]);
    assert.deepEqual([...frameIndices], [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.equal(timestamps[7], START + 7);
  });
});

Deno.test("RunFolder takes a snapshot when the clock is set back", async () => {
  await temporary(async (root) => {
    await using run = await RunFolder.create(CONFIG, { root });
    for (const frame of frames(3)) {
      await run.write({ ...frame, timestamp: frame.timestamp - (frame.index < 2 ? 0 : 3600) });
    }
    const { snapshots } = await readRun(run.path);
    assert.deepEqual(snapshots, ["frame_000000.jpg", "frame_000002.jpg"]);
  });
});

Deno.test("RunFolder takes and counts one snapshot if an alert falls on an interval's end", async () => {
  await temporary(async (root) => {
    await using run = await RunFolder.create(CONFIG, { root });
    for (const frame of frames(31)) await run.write(frame);
    const [last] = [...frames(31)].slice(-1);
    assert.equal(await run.snapshot(last!), "frame_000030.jpg");
    const similarity = { count: 0, mean: 1, std: 0, min: 1, max: 1 };
    await run.finish({ frames: 31, seconds: 1, similarity, counters: {} });
    const { snapshots, summary } = await readRun(run.path);
    assert.equal((summary as { snapshots: number }).snapshots, snapshots.length);
  });
});

Deno.test("runs of the same second get a suffix, and are listed with the latest first", async () => {
  await temporary(async (root) => {
    const paths: string[] = [];
    for (let i = 0; i < 3; i++) paths.push(await writeRun(root, 1));
    assert.equal(new Set(paths).size, 3);
    assert.equal((await listRuns(root)).length, 3);
    assert.deepEqual(await listRuns(join(root, "none")), []);
  });
});

Deno.test("RunFolder reports what it cannot write once, and goes on", async () => {
  await temporary(async (root) => {
    const failures: string[] = [];
    await using run = await RunFolder.create(CONFIG, { root, onFailure: (m) => failures.push(m) });
    await Deno.remove(join(run.path, "embeddings"));
    for (const frame of frames(12)) await run.write(frame);
    assert.equal(failures.length, 1);
    assert.match(failures[0]!, /^Cannot write embeddings of /);
    await Deno.mkdir(join(run.path, "embeddings"));
    for (const frame of frames(4)) await run.write(frame);
    assert.equal((await loadRunEmbeddings(run.path)).embeddings.shape[0], 4);
  });
});

Deno.test({
  name: "AppendFile says that the disk is full",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using file = await AppendFile.create("/dev/full");
    await assert.rejects(file.append("a line\n"), /space/i);
  },
});

Deno.test("AppendFile keeps the order of lines that are added at once", async () => {
  const path = await Deno.makeTempFile();
  {
    await using file = await AppendFile.create(path);
    const lines = Array.from({ length: 50 }, (_, i) => `${i}\n`);
    await Promise.all(lines.map((line) => file.append(line)));
    assert.equal(await Deno.readTextFile(path), lines.join(""));
  }
  await Deno.remove(path);
});

Deno.test("loadRunEmbeddings() reads int32 indices, and says what is missing", async () => {
  await temporary(async (root) => {
    await assert.rejects(loadRunEmbeddings(join(root, "none")), { code: "bad-run" });
    assert.deepEqual((await loadRunEmbeddings(root)).embeddings.shape, [0, 0]);
    await Deno.mkdir(join(root, "embeddings"));
    const file = join(root, "embeddings", "batch_0000.npz");
    const arrays = {
      embeddings: tensor("F32", [1, 2], Float32Array.of(3, 4)),
      timestamps: tensor("F64", [1], Float64Array.of(5)),
    };
    await Deno.writeFile(file, await encodeNpz(arrays));
    await assert.rejects(loadRunEmbeddings(root), {
      code: "bad-run",
      message: /expected frame_ind/,
    });
    const complete = { ...arrays, frame_indices: tensor("I32", [1], Int32Array.of(6)) };
    await Deno.writeFile(file, await encodeNpz(complete));
    assert.deepEqual([...(await loadRunEmbeddings(root)).frameIndices], [6]);
  });
});

Deno.test("frames come in their order however many there are", async () => {
  await temporary(async (root) => {
    const path = await writeRun(root, 1);
    for (const batch of [9999, 10000, 100000]) {
      const name = `batch_${String(batch).padStart(4, "0")}.npz`;
      const file = {
        embeddings: tensor("F32", [1, 3], Float32Array.of(1, 0, 0)),
        timestamps: tensor("F64", [1], Float64Array.of(batch)),
        frame_indices: tensor("I64", [1], BigInt64Array.of(BigInt(batch))),
      };
      await Deno.writeFile(join(path, "embeddings", name), await encodeNpz(file));
    }
    assert.deepEqual([...(await loadRunEmbeddings(path)).frameIndices], [0, 9999, 10000, 100000]);
    const snapshots = ["frame_000000.jpg", "frame_999999.jpg", "frame_1000000.jpg"];
    for (const name of snapshots) await Deno.writeTextFile(join(path, "snapshots", name), "");
    assert.deepEqual((await readRun(path)).snapshots, snapshots);
    const names = ["20260107_143022", ...[2, 9, 10].map((n) => `20260107_143022_${n}`)];
    for (const name of names) await Deno.mkdir(join(root, "many", name), { recursive: true });
    assert.deepEqual(await listRuns(join(root, "many")), names.toReversed());
  });
});

Deno.test("readRun() survives damaged files", async () => {
  await temporary(async (root) => {
    const path = await writeRun(root, 8);
    for (const name of ["drift.csv", "config.json", "events.jsonl"]) {
      const good = await Deno.readFile(join(path, name));
      for (const bytes of mutations(good, 30)) {
        await Deno.writeFile(join(path, name), bytes);
        const run = await readRun(path);
        assert.ok(run.drift.every((record) => Number.isFinite(record.drift)));
      }
    }
  });
});

const python = findPython("numpy");

Deno.test({
  ...needing("NumPy opens our batches, and we open NumPy's", { NumPy: python !== undefined }),
  fn: () =>
    temporary(async (root) => {
      const path = await writeRun(root, 6);
      const script = `
import numpy as np, sys, json
b = np.load(sys.argv[1] + "/embeddings/batch_0001.npz")
print(json.dumps({k: [str(b[k].dtype), list(b[k].shape)] for k in b.files}))
np.savez_compressed(sys.argv[1] + "/embeddings/batch_0002.npz",
  embeddings=np.ones((2, 3), np.float32), timestamps=np.array([1.5, 2.5]),
  frame_indices=np.array([6, 7]))
`;
      const { stdout } = await new Deno.Command(python!, { args: ["-c", script, path] }).output();
      assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), {
        embeddings: ["float32", [2, 3]],
        timestamps: ["float64", [2]],
        frame_indices: ["int64", [2]],
      });
      const { embeddings, frameIndices } = await loadRunEmbeddings(path);
      assert.deepEqual(embeddings.shape, [8, 3]);
      assert.deepEqual([...frameIndices], [0, 1, 2, 3, 4, 5, 6, 7]);
    }),
});

Deno.test({
  name: "a run's embeddings are loaded in little more memory than they take, or in pieces",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const run = await Deno.makeTempDir();
    await Deno.mkdir(join(run, "embeddings"));
    const [batches, rows, width] = [160, 1000, 512];
    const batch = await encodeNpz({
      embeddings: tensor("F32", [rows, width]),
      timestamps: tensor("F64", [rows]),
      frame_indices: tensor("I64", [rows]),
    }, { compress: true });
    for (let i = 0; i < batches; i++) {
      const name = `batch_${String(i).padStart(4, "0")}.npz`;
      await Deno.writeFile(join(run, "embeddings", name), batch);
    }
    const script = `
      import { loadRunEmbeddings, readRunEmbeddings } from ${
      JSON.stringify(import.meta.resolve("./reader.ts"))
    };
      const status = (field) => Number(new RegExp(field + ":\\\\s+(\\\\d+)")
        .exec(Deno.readTextFileSync("/proc/self/status"))[1]) / 1024;
      const before = status("VmRSS");
      let frames = 0;
      for await (const { frameIndices } of readRunEmbeddings(Deno.args[0])) frames += frameIndices.length;
      const pieces = status("VmHWM") - before;
      const { embeddings } = await loadRunEmbeddings(Deno.args[0]);
      console.log(JSON.stringify({ frames, pieces, shape: embeddings.shape, whole: status("VmHWM") - before }));
    `;
    const path = join(run, "measure.ts");
    await Deno.writeTextFile(path, script);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        "--config",
        fileURLToPath(import.meta.resolve("../../../deno.json")),
        path,
        run,
      ],
      stderr: "inherit",
    }).output();
    const { frames, pieces, shape, whole } = JSON.parse(new TextDecoder().decode(stdout));
    assert.deepEqual([frames, shape], [batches * rows, [batches * rows, width]]);
    const megabytes = batches * rows * (width + 4) * 4 / 2 ** 20;
    // Batches that were read lie about until they are collected, however long the run is: 90 to
    // 140 MB of them, on a busy machine more, and never all 315.
    const garbage = 240;
    assert.ok(whole < 1.2 * megabytes + garbage, `${whole} MB for ${megabytes}`);
    assert.ok(pieces < garbage, `${pieces} MB`);
    await Deno.remove(run, { recursive: true });
  },
});
