/**
 * The folder of clip-drift's runs; an item is a frame.
 *
 * @module
 */
import { listRuns, loadRunEmbeddings, readRun } from "../../packages/clip-drift/runs/reader.ts";
import { RunFolder } from "../../packages/clip-drift/runs/writer.ts";
import type { Store } from "./store.ts";

/** Frames in a batch of embeddings: the open one may be lost. */
const BATCH = 4;

const NOTHING = {
  ...{ drift: 0, reference: 0, rolling: 0 },
  ...{ cut: 0, ewma: 0, cusum: 0, mmd: 0 },
};

const CONFIG = {
  ...{ streamUrl: "http://camera/", device: "cpu", model: "gist", pretrained: "none" },
  ...{ snapshotInterval: 1e9, embeddingInterval: BATCH, rollingWindow: 10 },
};

/** The folder of runs: each writer adds one. */
export const run: Store = {
  async write(folder, from, kept) {
    let failure: string | undefined;
    const onFailure = (line: string) => void (failure ??= line);
    const run = await RunFolder.create(CONFIG, { root: folder, onFailure });
    for (let index = from;; index++) {
      const row = { ...NOTHING, similarity: 1 };
      const jpeg = () => Uint8Array.of(1);
      const embedding = Float32Array.of(index, 1, 0);
      await run.write({ index, timestamp: Date.now() / 1000, row, embedding, jpeg });
      // The watch goes on where its folder does not; here the first failure is the end.
      if (failure !== undefined) throw new Error(failure);
      kept(index);
    }
  },
  async read(folder) {
    const found = new Set<number>();
    const wrong: string[] = [];
    for (const name of await listRuns(folder)) {
      const { drift } = await readRun(`${folder}/${name}`);
      const { embeddings, frameIndices } = await loadRunEmbeddings(`${folder}/${name}`);
      for (const { index } of drift) found.add(index);
      for (const [at, index] of frameIndices.entries()) {
        if (embeddings.data[at * 3] !== index) wrong.push(`embedding ${index}`);
      }
      if (frameIndices.length < drift.length - BATCH) wrong.push(`${name}: a whole batch is lost`);
    }
    return { found: [...found], wrong };
  },
};
