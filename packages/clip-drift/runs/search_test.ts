import assert from "node:assert/strict";
import { join } from "node:path";
import { encodeNpz } from "@vcs/transport/npz";
import { tensor } from "@vcs/transport/tensor";
import { BATCH_PARTS, lazyPart } from "@vcs/transport/internal";
import { drawScene, type Scene } from "../camera/scene.ts";
import { cosine, DriftTracker } from "../drift.ts";
import { type EncoderInfo, openEncoder } from "../encoder.ts";
import { exportRun } from "./export.ts";
import { loadRunEmbeddings } from "./reader.ts";
import { searchRuns } from "./search.ts";
import { RunFolder } from "./writer.ts";

const START = 1_700_000_000.25;
const PICTURE = [160, 120] as const;

/** Settings of a run that GIST watched, in batches of three. */
const CONFIG = {
  ...{ streamUrl: "http://cam/stream.mjpg", camera: "dock", device: "cpu", model: "gist" },
  ...{ pretrained: "none", snapshotInterval: 2, embeddingInterval: 3, rollingWindow: 300 },
};

type Kept = Partial<typeof CONFIG> & { readonly details?: Record<string, unknown> };

/** Writes a run of embeddings, a second apart; gives its path. */
async function writeRun(
  root: string,
  embeddings: readonly Float32Array[],
  config: Kept = {},
): Promise<string> {
  const tracker = new DriftTracker();
  await using run = await RunFolder.create({ ...CONFIG, ...config }, { root });
  for (const [index, embedding] of embeddings.entries()) {
    const timestamp = START + index;
    const row = tracker.push(embedding, timestamp);
    await run.write({ index, timestamp, row, embedding, jpeg: () => Uint8Array.of(1, 2, index) });
  }
  const similarity = { count: 1, mean: 1, std: 0, min: 1, max: 1 };
  await run.finish({ frames: embeddings.length, seconds: 1, similarity, counters: {} });
  return run.path;
}

/** Embeddings of a scene by GIST, and what made them. */
async function scenes(...names: readonly Scene[]) {
  using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
  const images = names.map((name, i) => drawScene(name, i / 5, ...PICTURE));
  return { embeddings: await encoder.encodeBatch(images), info: encoder.info };
}

async function inFolder(test: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    await test(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("the frames most like an image are found over all runs, as by comparing each", () =>
  inFolder(async (root) => {
    const { embeddings, info } = await scenes("quay", "quay", "hall", "quay", "hall", "hall");
    const runs = [
      await writeRun(root, embeddings.slice(0, 4)),
      await writeRun(root, embeddings),
    ];
    const query = embeddings[4]!;
    const expected: [number, string, number][] = [];
    for (const run of runs.toReversed()) {
      const { embeddings: { data, shape }, frameIndices } = await loadRunEmbeddings(run);
      frameIndices.forEach((frame, i) => {
        const row = data.subarray(i * shape[1]!, (i + 1) * shape[1]!);
        expected.push([cosine(query, row), run, frame]);
      });
    }
    expected.sort(([a], [b]) => b - a);
    for (const count of [1, 2, 3, 9, 100]) {
      const hits = await searchRuns(root, query, info, { count });
      const found = hits.map(({ score, run, frame }) => [score, run, frame]);
      assert.deepEqual(found, expected.slice(0, count), `the best ${count}`);
    }
    const [best] = await searchRuns(root, query, info, { count: 1 });
    assert.ok(Math.abs(best!.score - 1) < 1e-6);
    assert.deepEqual({ ...best, score: 1 }, {
      ...{ run: runs[1], time: "2023-11-14T22:13:24.250Z", frame: 4, score: 1 },
      snapshot: join(runs[1]!, "snapshots", "frame_000004.jpg"),
    });
  }));

Deno.test("the snapshot is the one that is the fewest frames away, or none", () =>
  inFolder(async (root) => {
    const { embeddings, info } = await scenes("quay", "hall", "quay", "quay", "quay", "quay");
    const run = await writeRun(root, embeddings, { snapshotInterval: 5 });
    const names = async () => {
      const hits = await searchRuns(root, embeddings[0]!, info, { count: 6 });
      return hits.sort((a, b) => a.frame - b.frame).map(({ snapshot }) => snapshot?.slice(-8));
    };
    const [first, last] = ["0000.jpg", "0005.jpg"].map((end) => end.slice(-8));
    assert.deepEqual(await names(), [first, first, first, last, last, last]);
    await Deno.remove(join(run, "snapshots"), { recursive: true });
    assert.deepEqual(await names(), Array(6).fill(undefined));
  }));

Deno.test("runs of another model are left out by name", () =>
  inFolder(async (root) => {
    const weights = join(root, "weights");
    await Deno.writeTextFile(weights, "weights");
    const info: EncoderInfo = {
      ...{ model: "ViT-B-32", pretrained: "openai", device: "cpu", loaded: true, weights },
      ...{ embeddingDim: 2, imageSize: 224, activation: "quick_gelu" },
    };
    const frames = [Float32Array.of(1, 0)];
    const clip = { model: "ViT-B-32", pretrained: "openai" };
    const left = [
      await writeRun(root, frames),
      await writeRun(root, frames, { ...clip, pretrained: "laion2b" }),
      await writeRun(root, frames, { ...clip, model: "ViT-B-16" }),
      await writeRun(root, frames, { ...clip, details: { activation: "gelu" } }),
      await writeRun(root, frames, { ...clip, details: { weights_sha256: "a".repeat(64) } }),
    ];
    const unknown = await writeRun(root, frames, clip);
    await Deno.writeTextFile(join(unknown, "config.json"), "null");
    const lines: string[] = [];
    const options = { count: 5, onLine: (line: string) => lines.push(line) };
    await assert.rejects(searchRuns(root, frames[0]!, info, options), {
      code: "bad-run",
      message:
        /found no run, expected one of ViT-B-32 \(openai, quick_gelu, SHA-256 9a[0-9a-f]+…\)$/,
    });
    const found = lines.reverse().map((line) => /Left out (.*), expected ViT/.exec(line)?.[1]);
    assert.deepEqual(found, [
      `${left[0]}: found gist`,
      `${left[1]}: found ViT-B-32 (laion2b)`,
      `${left[2]}: found ViT-B-16 (openai)`,
      `${left[3]}: found ViT-B-32 (openai, gelu)`,
      `${left[4]}: found ViT-B-32 (openai, SHA-256 aaaaaaaaaaaa…)`,
      `${unknown}: found an unknown model`,
    ]);
    const original = await writeRun(root, frames, clip);
    const hits = await searchRuns(root, frames[0]!, info, options);
    assert.deepEqual(hits.map(({ run, score }) => [run, score]), [[original, 1]]);
  }));

/** What a batch of somebody else may hold instead. */
const DAMAGED: Readonly<Record<string, Uint8Array>> = {
  "is cut off": new Uint8Array(40),
  "has another width": await batchOf([1, 3], [START], [9n]),
  "lacks a time": await batchOf([2, 2], [START], [8n, 9n]),
  "has a time beyond all years": await batchOf([1, 2], [1e300], [9n]),
};

function batchOf(shape: [number, number], times: number[], frames: bigint[]): Promise<Uint8Array> {
  return encodeNpz({
    embeddings: tensor("F32", shape),
    timestamps: tensor("F64", [times.length], Float64Array.from(times)),
    frame_indices: tensor("I64", [frames.length], BigInt64Array.from(frames)),
  });
}

for (const [what, bytes] of Object.entries(DAMAGED)) {
  Deno.test(`a run whose second batch ${what} is searched up to it, with a line`, () =>
    inFolder(async (root) => {
      const { info } = await scenes();
      const frames = [0, 1, 2, 3].map((i) => Float32Array.of(Math.cos(i), Math.sin(i)));
      const whole = await writeRun(root, frames.slice(1));
      const damaged = await writeRun(root, frames);
      await Deno.writeFile(join(damaged, "embeddings", "batch_0001.npz"), bytes);
      const lines: string[] = [];
      const options = { count: 3, onLine: (line: string) => lines.push(line) };
      const hits = await searchRuns(root, frames[0]!, info, options);
      assert.deepEqual(hits.map(({ run, frame }) => [run, frame]), [
        ...[[damaged, 0], [damaged, 1], [whole, 0]],
      ]);
      assert.equal(lines.length, 1);
      assert.ok(lines[0]!.startsWith(`Left out ${damaged}, or the rest of it: Cannot `), lines[0]);
    }));
}

Deno.test("a search that is ended ends", () =>
  inFolder(async (root) => {
    const { info } = await scenes();
    const frames = [Float32Array.of(1, 0)];
    await writeRun(root, frames);
    const signal = AbortSignal.abort();
    await assert.rejects(searchRuns(root, frames[0]!, info, { count: 1, signal }), {
      name: "AbortError",
    });
  }));

/** What we use of the reader that comes with the writer. */
interface Hyparquet {
  asyncBufferFromFile(path: string): Promise<unknown>;
  parquetReadObjects(options: { file: unknown }): Promise<Record<string, unknown>[]>;
}

const loadReader = lazyPart<Hyparquet>(BATCH_PARTS[0]!, { module: "hyparquet" });

Deno.test("a run is exported with a row for each kept embedding", () =>
  inFolder(async (root) => {
    const frames = [0, 1, 2, 3].map((i) => Float32Array.of(Math.cos(i), Math.sin(i)));
    const run = await writeRun(root, frames);
    const path = join(root, "run.parquet");
    await exportRun(run, path);
    await assert.rejects(Deno.stat(`${path}.partial`), Deno.errors.NotFound);
    const { asyncBufferFromFile, parquetReadObjects } = await loadReader();
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(path) });
    const name = run.slice(root.length + 1);
    assert.deepEqual(
      rows,
      frames.map((embedding, frame) => ({
        ...{ key: `${name}/${frame}`, run: name, camera: "dock", model: "gist" },
        ...{ frame, timestamp: START + frame, time: `2023-11-14T22:13:2${frame}.250Z` },
        ...{ embedding: [...embedding], embedding_shape: [2] },
      })),
    );
  }));

Deno.test("what cannot be exported leaves no file, and the one that was there", () =>
  inFolder(async (root) => {
    const frames = [0, 1, 2, 3].map((i) => Float32Array.of(Math.cos(i), Math.sin(i)));
    const [empty, damaged] = [await writeRun(root, []), await writeRun(root, frames)];
    await Deno.writeFile(join(damaged, "embeddings", "batch_0001.npz"), DAMAGED["lacks a time"]!);
    const path = join(root, "run.parquet");
    await Deno.writeTextFile(path, "before");
    await assert.rejects(exportRun(empty, path), { message: /found no embeddings$/ });
    await assert.rejects(exportRun(damaged, path), { code: "bad-run" });
    await assert.rejects(exportRun(join(root, "nowhere"), path), { code: "bad-run" });
    assert.equal(await Deno.readTextFile(path), "before");
    const left = await Array.fromAsync(Deno.readDir(root), ({ name }) => name);
    assert.deepEqual(left.filter((name) => name.includes("parquet")), ["run.parquet"]);
  }));
