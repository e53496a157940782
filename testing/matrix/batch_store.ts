/**
 * The output of a batch, as shards and as files. What is there in the end is compared with the output
 * of a batch that nothing happened to, byte for byte.
 *
 * @module
 */
import { batch, type BatchItem, type BatchOptions } from "@vcs/transport";
import { knownWork, numbered, recordOf } from "../../packages/transport/testing/batch_work.ts";
import type { Store } from "./store.ts";

type BatchFormat = NonNullable<BatchOptions["format"]>;

/** Items behind those that are there, with which a batch is ended. */
const MORE = 10;

/** Milliseconds that an item takes. */
const SLOWNESS = 2;

const work = (slowness: number) =>
  knownWork({
    async run({ key }) {
      await new Promise((resolve) => setTimeout(resolve, slowness));
      return recordOf(key);
    },
  });

const optionsOf = (output: string, format: BatchFormat, items: AsyncIterable<BatchItem>) => (
  { output, format, items, shardBytes: 100_000 }
);

const numberOf = (key: string) => Number(/\d+/.exec(key)![0]);

/** All files of a folder by their paths, but for what belongs to the run itself. */
async function filesOf(folder: string, below = ""): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for await (const { name, isDirectory } of Deno.readDir(`${folder}${below}`)) {
    const path = `${below}/${name}`;
    if (name === ".batch") continue;
    if (!isDirectory) files.set(path, await Deno.readFile(`${folder}${path}`));
    else for (const [inside, bytes] of await filesOf(folder, path)) files.set(inside, bytes);
  }
  return files;
}

/** What two outputs do not have in common. */
async function differences(folder: string, other: string): Promise<string[]> {
  const [files, others] = [await filesOf(folder), await filesOf(other)];
  const same = (path: string) => {
    const [bytes, wanted] = [files.get(path), others.get(path)];
    return bytes?.length === wanted?.length && bytes?.every((byte, at) => byte === wanted?.[at]);
  };
  return [...new Set([...files.keys(), ...others.keys()])].filter((path) => !same(path));
}

/** Numbers of the records that are there: from the first on, as records have the order of items. */
async function doneIn(output: string, format: BatchFormat): Promise<number[]> {
  const done: number[] = [];
  for await (
    const { key, state } of batch(work(0), optionsOf(output, format, numbered(Infinity)))
  ) {
    if (state !== "before") break;
    done.push(numberOf(key));
  }
  return done;
}

/** An output of a batch in a format. */
export function batchOutput(format: BatchFormat): Store {
  return {
    async write(folder, _, kept) {
      const options = optionsOf(`${folder}/out`, format, numbered(Infinity));
      for await (const { key, state } of batch(work(SLOWNESS), options)) {
        if (state === "done") kept(numberOf(key));
        if (state === "failed") throw new Error(`${key} failed`);
      }
    },
    async read(folder) {
      const found = await doneIn(`${folder}/out`, format);
      const count = found.length + MORE;
      for await (const _ of batch(work(0), optionsOf(`${folder}/out`, format, numbered(count))));
      const quiet = await Deno.makeTempDir();
      try {
        const all = optionsOf(quiet, format, numbered(count));
        for await (const _ of batch(work(0), all));
        return { found, wrong: await differences(`${folder}/out`, quiet) };
      } finally {
        await Deno.remove(quiet, { recursive: true });
      }
    },
  };
}
