/**
 * Work of batches that is quick and known: a tensor of an item's key.
 *
 * @module
 */
import { batch, type BatchOptions, type BatchWork } from "../batch/batch.ts";
import { listItems } from "../batch/items.ts";
import type { Manifest } from "../batch/output/manifest.ts";
import type { BatchItem, BatchRecord } from "../batch/record.ts";
import type { BatchResult } from "../batch/run.ts";
import { TransportError } from "../errors.ts";
import { convertTensor } from "../formats/tensor_convert.ts";
import { tensor } from "../tensor.ts";

/** The record of a key. */
export function recordOf(key: string): BatchRecord {
  const bytes = new TextEncoder().encode(key);
  const numbers = Float32Array.from(bytes, (byte) => byte / 4);
  return {
    tensors: {
      bytes: tensor("U16", [bytes.length, 1], Uint16Array.from(bytes)),
      numbers: tensor("F32", [bytes.length], numbers),
      brain: convertTensor(tensor("F32", [bytes.length], numbers), "BF16"),
    },
    fields: { length: bytes.length, name: key, even: bytes.length % 2 === 0 },
  };
}

/** Work that fails for sources that begin with `bad`. */
export function knownWork(overrides: Partial<BatchWork> = {}): BatchWork {
  return {
    settings: { command: "known", model: "a" },
    versions: { known: "1.0.0" },
    jobs: 3,
    run({ key, source }) {
      if (!source.startsWith("bad")) return Promise.resolve(recordOf(key));
      return Promise.reject(new TransportError("format", `Cannot read ${source}: it is bad`));
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
    ...overrides,
  };
}

/** Items of numbers; every tenth has a bad source where that is asked for. */
export async function* numbered(count: number, bad = false): AsyncGenerator<BatchItem> {
  for (let i = 0; i < count; i++) {
    const key = `folder/sound ${i}.wav`;
    yield await Promise.resolve({ key, source: bad && i % 10 === 9 ? `bad ${i}` : `good ${i}` });
  }
}

/** Runs a batch to its end. */
export async function runAll(
  options: Omit<BatchOptions, "items"> & Partial<Pick<BatchOptions, "items">>,
  work: BatchWork = knownWork(),
): Promise<{ results: BatchResult[]; manifest: Manifest | undefined }> {
  const results: BatchResult[] = [];
  const running = batch(work, { items: numbered(25), ...options });
  for (;;) {
    const next = await running.next();
    if (next.done) return { results, manifest: next.value };
    results.push(next.value);
  }
}

/** Work that reads what it works on. */
const READING = knownWork({
  async run({ key, source }) {
    const text = await Deno.readTextFile(source);
    return { ...recordOf(key), fields: { text } };
  },
});

// As a process of its own, for tests that kill it: OUTPUT FORMAT, and a number of items or a URL.
if (import.meta.main) {
  const [output = "", format, what = ""] = Deno.args;
  const settings = { output, format: format as "files", shardBytes: 20_000 };
  if (/^\d+$/.test(what)) await runAll({ items: numbered(Number(what)), ...settings });
  else await runAll({ items: listItems([what], { include: ["*.txt"] }), ...settings }, READING);
}
