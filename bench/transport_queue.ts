/**
 * What a queue costs: `deno run -A bench/transport_queue.ts [ITEMS]`, with a Redis on this machine. Jobs
 * a second, what an item takes longer than in a loop, one to three workers, memory and Redis's own over
 * so many listed items, 100,000 where nothing is said. Writes `bench/results/transport_queue.json`.
 *
 * @module
 */
import { encodeWav } from "@vcs/media/wav";
import { batch, type BatchItem, type BatchWork, tensor } from "@vcs/transport";
import { cpus } from "node:os";
import { join } from "node:path";
import { openQueue } from "../packages/transport/batch/queue/bull.ts";
import { submit } from "../packages/transport/batch/queue/submit.ts";
import { workOnQueue } from "../packages/transport/batch/queue/work.ts";
import { startBroker } from "../packages/transport/trial/brokers.ts";

const COMMAND = import.meta.resolve("../packages/encodec-stream/mod.ts");
const [listed = 100_000] = Deno.args.map(Number);
const [jobs, sounds, rounds] = listed < 100_000 ? [300, 40, 3] : [1500, 150, 5];
const { signal } = new AbortController();
const folder = await Deno.makeTempDir();
let places = 0;

/** Items of nothing, with keys as long as people's. */
async function* items(count: number): AsyncGenerator<BatchItem> {
  for (let i = 0; i < count; i++) {
    const key = `albums/the name of an album/${i} the name of a song.flac`;
    yield await Promise.resolve({ key, source: `/mnt/archive/${key}` });
  }
}

/** Work of some milliseconds, in which the processor is free. */
function work(milliseconds: number): BatchWork {
  const record = { tensors: { codes: tensor("U16", [75, 8], new Uint16Array(600)) }, fields: {} };
  return {
    ...{ settings: { command: "bench" }, versions: {}, jobs: 1 },
    async run() {
      if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
      return record;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

await using broker = await startBroker("redis");
const plan = { format: "files", group: 1, attempts: 3, retryFailed: false, signal } as const;
const newPlace = () => ({
  queue: `redis://127.0.0.1:${broker.port}?name=q${places}`,
  output: join(folder, `out${places++}`),
});

/** Milliseconds an item, between the first result and the last. */
async function each(results: AsyncIterable<unknown>): Promise<number> {
  const times: number[] = [];
  for await (const _ of results) times.push(performance.now());
  return (times.at(-1)! - times[0]!) / (times.length - 1);
}

async function* loop(work: BatchWork, count: number): AsyncGenerator<unknown> {
  for await (const item of items(count)) yield await work.run(item, signal);
}

async function queued(work: BatchWork, count: number, jobs: number): Promise<number> {
  const place = newPlace();
  await submit({ ...plan, ...place, items: items(count) });
  return await each(workOnQueue(work, { ...place, format: "files", jobs, signal }));
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;

/** What an item of a second takes longer than in a loop, in each of some rounds. */
async function overhead(rounds: number, count: number) {
  const second = work(1000);
  const [alone, shared]: number[][] = [[], []];
  for (let i = 0; i < rounds; i++) {
    const base = await each(loop(second, count));
    const { output } = newPlace();
    alone!.push(await each(batch(second, { items: items(count), output, signal })) / base);
    shared!.push(await queued(second, count, 1) / base);
  }
  return { batch: median(alone!), queue: median(shared!) };
}

/** Items a second of so many processes that encode seconds of sound. */
async function encoded(workers: number, count: number): Promise<number> {
  const { queue, output } = newPlace();
  const run = (...args: string[]) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "-A", COMMAND, "batch", ...args, "--queue", queue, "-o", output],
      ...{ stdout: "null", stderr: "null" },
    }).output();
  await run("submit", join(folder, "in"));
  const codec = ["--model", "encodec_tiny_24khz", "-b", "6", "--jobs", "1"];
  await using open = await openQueue(queue);
  const done = async () => (await open.queue.getJobCounts("completed")).completed;
  const running = Array.from({ length: workers }, () => run("work", ...codec));
  // All have begun by then.
  while (await done() < count / 4) await new Promise((resolve) => setTimeout(resolve, 20));
  const [began, first] = [performance.now(), await done()];
  while (await done() < count) await new Promise((resolve) => setTimeout(resolve, 20));
  const rate = (count - first) / (performance.now() - began) * 1000;
  await Promise.all(running);
  return rate;
}

async function writeSounds(count: number): Promise<void> {
  await Deno.mkdir(join(folder, "in"));
  for (let i = 0; i < count; i++) {
    const samples = Float32Array.from({ length: 24000 }, (_, at) => Math.sin(at * (80 + i) / 4000));
    await Deno.writeFile(join(folder, `in/${i}.wav`), encodeWav([samples], { sampleRate: 24000 }));
  }
}

/** Bytes of this process, and of what Redis holds, before and after so many items were submitted. */
async function memory(count: number) {
  const place = newPlace();
  await using open = await openQueue(place.queue);
  const { client } = open;
  const held = async () =>
    Number(/used_memory:(\d+)/.exec(String(await client.call("INFO", "memory")))![1]);
  const [before, here] = [await held(), Deno.memoryUsage().rss];
  const began = performance.now();
  await submit({ ...plan, ...place, items: items(count) });
  const seconds = (performance.now() - began) / 1000;
  return {
    ...{ items: count, seconds, bytesOfRedisAnItem: (await held() - before) / count },
    megabytesOfSubmit: (Deno.memoryUsage().rss - here) / 2 ** 20,
  };
}

const [model] = cpus();
try {
  await writeSounds(sounds);
  const result = {
    ...{ processor: model?.model, processors: cpus().length, load: Deno.loadavg()[0] },
    jobsASecond: 1000 / await queued(work(0), jobs, 8),
    timeOfLoop: await overhead(rounds, rounds + 1),
    encodedASecond: {
      ...{
        one: await encoded(1, sounds),
        two: await encoded(2, sounds),
        three: await encoded(3, sounds),
      },
    },
    submitted: [await memory(listed / 10), await memory(listed)],
  };
  const path = join(import.meta.dirname!, "results/transport_queue.json");
  await Deno.writeTextFile(path, `${JSON.stringify(result, null, 2)}\n`);
} finally {
  await Deno.remove(folder, { recursive: true });
}
