/**
 * What is kept on disk, as items of numbers: each store writes as many as it can and says which it has
 * taken, and reads what is there. A process of its own: `stores.ts STORE write FOLDER FROM [COUNT]` or
 * `stores.ts STORE read FOLDER`.
 *
 * @module
 */
import { print } from "@vcs/transport/internal";
import type { Store } from "./store.ts";

/** How a store is got, and what is promised of it. */
interface Shelf {
  /** Loads it. */
  readonly open: () => Promise<Store>;
  /** Whether a folder that goes is made again, and nobody need be told. */
  readonly isCache?: boolean;
}

/** The stores by name. */
export const STORES: Readonly<Record<string, Shelf>> = {
  journal: { open: async () => (await import("./message_stores.ts")).journal },
  spool: { open: async () => (await import("./message_stores.ts")).spool },
  "run folder": { open: async () => (await import("./run_store.ts")).run },
  "built models": { open: async () => (await import("./model_stores.ts")).built, isCache: true },
  "downloaded models": {
    open: async () => (await import("./model_stores.ts")).downloads,
    isCache: true,
  },
  "batch, shards": {
    open: async () => (await import("./batch_store.ts")).batchOutput("webdataset"),
  },
  "batch, files": { open: async () => (await import("./batch_store.ts")).batchOutput("files") },
};

/** Writes items, no more than a number of them. */
async function write(store: Store, folder: string, from: number, count: number): Promise<void> {
  let left = count;
  await store.write(folder, from, (number) => {
    print(`${number}`);
    if (--left <= 0) Deno.exit(0);
  });
}

if (import.meta.main) {
  const [name = "", action, folder = "", from = "0", count = "Infinity"] = Deno.args;
  const store = await STORES[name]!.open();
  try {
    if (action === "read") print(JSON.stringify(await store.read(folder)));
    else await write(store, folder, Number(from), Number(count));
  } catch (error) {
    print(`error ${error instanceof Error ? `${error.name}: ${error.message}` : error}`);
    Deno.exit(3);
  }
  Deno.exit(0);
}
