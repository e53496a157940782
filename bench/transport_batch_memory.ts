/**
 * Prints the memory of a batch of many small items, as it goes on:
 * `deno run -A --v8-flags=--expose-gc bench/transport_batch_memory.ts [ITEMS]`.
 *
 * @module
 */
import { join } from "node:path";
import { batch } from "@vcs/transport";
import { print } from "@vcs/transport/internal";
import { tensor } from "@vcs/transport/tensor";

const items = Number(Deno.args[0] ?? 100_000);
const { gc } = globalThis as { gc?: () => void };
const folder = await Deno.makeTempDir({ prefix: "vcs-batch-" });

/** A list of this many items, as lines of a file are read. */
async function* listed() {
  for (let i = 0; i < items; i++) {
    yield await Promise.resolve({ key: `songs/${i}`, source: `/archive/songs/${i}.flac` });
  }
}

try {
  const data = new Uint8Array(1024);
  const work = {
    ...{ settings: {}, versions: {}, jobs: 2 },
    run: () => Promise.resolve({ tensors: { codes: tensor("U8", [1024], data) }, fields: {} }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const options = { items: listed(), output: join(folder, "out"), format: "webdataset" } as const;
  print("| items | heap, MB | resident, MB |");
  print("| ----- | -------- | ------------ |");
  let done = 0;
  for await (const _ of batch(work, options)) {
    if (++done % (items / 10) !== 0) continue;
    gc?.();
    const { heapUsed, rss } = Deno.memoryUsage();
    const [heap, resident] = [heapUsed, rss].map((bytes) => (bytes / 1e6).toFixed(1));
    print(`| ${done} | ${heap} | ${resident} |`);
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
