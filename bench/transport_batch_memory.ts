/**
 * Prints what a batch of many small items holds, by itself and by a queue, with a tenth of the items and
 * with all, and so what an item more takes: `deno run -A bench/transport_batch_memory.ts [ITEMS]`, with a Redis on this machine. Each
 * part is a process of its own; what is held is counted after garbage was collected. Files are synced to
 * the disk one by one: `TMPDIR=/dev/shm` makes it short.
 *
 * @module
 */
import { batch, type BatchWork, listItems, tensor } from "@vcs/transport";
import { print } from "@vcs/transport/internal";
import { join } from "node:path";
import { mergeJobs } from "../packages/transport/batch/queue/merge.ts";
import { submit } from "../packages/transport/batch/queue/submit.ts";
import { workOnQueue } from "../packages/transport/batch/queue/work.ts";
import { folderStore } from "../packages/transport/batch/output/output_store.ts";
import { startBroker } from "../packages/transport/trial/brokers.ts";

/** Milliseconds between two looks at what is held. */
const PACE = 250;

/** Bytes of a shard: the keys in the one that is not full yet are held, besides what is measured here. */
const SHARD_BYTES = 2 ** 22;

/** What a part works with. */
interface Place {
  readonly list: string;
  readonly output: string;
  readonly queue: string;
}

/** What a part held. */
interface Held {
  /** Bytes of the heap and of arrays beside it, before it began and at most. */
  readonly before: number;
  readonly most: number;
  /** Bytes of the process that were in memory, at most. */
  readonly resident: number;
  readonly seconds: number;
}

const { signal } = new AbortController();
const record = { tensors: { codes: tensor("U8", [1024], new Uint8Array(1024)) }, fields: {} };
const work: BatchWork = {
  ...{ settings: {}, versions: {}, jobs: 8 },
  run: () => Promise.resolve(record),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

function itemsOf({ list }: Place) {
  return listItems([], { include: [], lists: [list] });
}

async function through(results: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of results);
}

function batchOf(format: "files" | "webdataset") {
  return (place: Place) => {
    const output = `${place.output}-${format}`;
    const shards = { output, format, shardBytes: SHARD_BYTES };
    return through(batch(work, { items: itemsOf(place), ...shards, signal }));
  };
}

function submitted(place: Place): Promise<unknown> {
  const plan = { format: "files", group: 1, attempts: 3, retryFailed: false } as const;
  return submit({ ...place, ...plan, items: itemsOf(place), signal });
}

/** In this order; what goes on finds what the part before it left. */
const PARTS: Readonly<Record<string, (place: Place) => Promise<unknown>>> = {
  "batch, shards": batchOf("webdataset"),
  "the same again": batchOf("webdataset"),
  "batch, files": batchOf("files"),
  "and again": batchOf("files"),
  submit: submitted,
  "submit again": submitted,
  work: (place) => through(workOnQueue(work, { ...place, format: "files", signal })),
  merge: async ({ output }) => await mergeJobs(await folderStore(output)),
};

function held(): number {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Runs a part in this process. */
async function measured(part: string, place: Place): Promise<Held> {
  const [before, began] = [held(), performance.now()];
  let [most, resident] = [0, 0];
  const look = () => {
    resident = Math.max(resident, Deno.memoryUsage().rss);
    most = Math.max(most, held());
  };
  const timer = setInterval(look, PACE);
  await PARTS[part]!(place);
  clearInterval(timer);
  const seconds = (performance.now() - began) / 1000;
  look();
  return { before, most, resident, seconds };
}

/** Runs a part in a process of its own. */
async function part(name: string, place: Place): Promise<Held> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--v8-flags=--expose-gc", import.meta.url, name, JSON.stringify(place)],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot measure ${name}: its process failed`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

function* lines(items: number): Generator<string> {
  for (let i = 0; i < items; i++) {
    const key = `albums/the name of an album/${i} the name of a song.flac`;
    yield `${JSON.stringify({ key, source: `/mnt/archive/${key}` })}\n`;
  }
}

async function table(folder: string, items: number): Promise<void> {
  await using broker = await startBroker("redis");
  print(
    "| part | items | before, MB | at most, MB | bytes an item more | resident, MB | seconds |",
  );
  print(
    "| ---- | ----- | ---------- | ----------- | ------------------ | ------------ | ------- |",
  );
  const few = Math.round(items / 10);
  const withFew = new Map<string, number>();
  for (const count of [few, items]) {
    const queue = `redis://127.0.0.1:${broker.port}?name=q${count}`;
    const place = { queue, list: join(folder, `${count}.txt`), output: join(folder, `${count}`) };
    await Deno.writeTextFile(place.list, ReadableStream.from(lines(count)));
    for (const name of Object.keys(PARTS)) {
      const { before, most, resident, seconds } = await part(name, place);
      const more = (most - (withFew.get(name) ?? NaN)) / (items - few);
      withFew.set(name, most);
      const megabytes = [before, most].map((bytes) => (bytes / 1e6).toFixed(1));
      const rest = [count === few ? "" : more.toFixed(0), (resident / 1e6).toFixed(0)];
      print(`| ${[name, count, ...megabytes, ...rest, seconds.toFixed(0)].join(" | ")} |`);
    }
  }
}

const [first = "100000", place] = Deno.args;
if (place !== undefined) print(JSON.stringify(await measured(first, JSON.parse(place))));
else {
  const folder = await Deno.makeTempDir({ prefix: "vcs-batch-" });
  try {
    await table(folder, Number(first));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
