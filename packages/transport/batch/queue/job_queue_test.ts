import assert from "node:assert/strict";
import { join } from "node:path";
import { needs } from "#testing/shared.ts";
import { TransportError } from "../../errors.ts";
import { sha256Of } from "../../fetch/download.ts";
import type { RedisModule } from "../../channels/redis.ts";
import { JOB_QUEUE } from "../../parts/batch_parts.ts";
import { REDIS_CLIENT } from "../../parts/clients.ts";
import { lazyPart } from "../../parts/load.ts";
import { knownWork, numbered, recordOf, runAll } from "../../testing/batch_work.ts";
import { type KnownResult, runKnown } from "../../testing/run_known.ts";
import { appears } from "../../testing/waits.ts";
import { type Broker, hasBroker, startBroker } from "../../trial/brokers.ts";
import type { BatchWork } from "../batch.ts";
import type { Manifest } from "../output/manifest.ts";
import { folderStore } from "../output/output_store.ts";
import type { BatchItem } from "../record.ts";
import { type Job, openQueue } from "./bull.ts";
import { mergeJobs } from "./merge.ts";
import type { PlanFormat } from "./plan.ts";
import { submit, type SubmitOptions, type Submitted } from "./submit.ts";
import { type QueueResult, workOnQueue } from "./work.ts";

const WITH_REDIS = needs(hasBroker("redis"));
const COMMAND = import.meta.resolve("../../testing/queue_command.ts");
const NEVER = new AbortController().signal;

/** A queue, and an output that it makes. */
class Place implements AsyncDisposable {
  readonly broker: Broker;
  readonly folder: string;
  /** Milliseconds after which a silent worker's jobs are another's: few, where workers are killed. */
  claim = 30_000;

  private constructor(broker: Broker, folder: string) {
    this.broker = broker;
    this.folder = folder;
  }

  static async open(): Promise<Place> {
    return new Place(await startBroker("redis"), await Deno.makeTempDir());
  }

  get url(): string {
    return `redis://127.0.0.1:${this.broker.port}?claim=${this.claim}&backoff=10`;
  }

  get output(): string {
    return join(this.folder, "out");
  }

  submit(items: AsyncIterable<BatchItem>, more: Partial<SubmitOptions> = {}): Promise<Submitted> {
    return submit({
      ...{ items, output: this.output, queue: this.url, format: "files", group: 1, attempts: 3 },
      ...{ retryFailed: false, signal: NEVER, ...more },
    });
  }

  work(work: BatchWork = knownWork(), format: PlanFormat = "files"): Promise<QueueResult[]> {
    const options = { output: this.output, queue: this.url, format, signal: NEVER };
    return Array.fromAsync(workOnQueue(work, options));
  }

  async merge(): Promise<Manifest> {
    const manifest = await mergeJobs(await folderStore(this.output));
    assert.ok(manifest);
    return manifest;
  }

  /** Starts the command, for those who kill it. */
  start(...args: string[]): Deno.ChildProcess {
    const where = ["--queue", this.url, "-o", this.output];
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "-A", COMMAND, "batch", ...args, ...where],
      ...{ stdin: "null", stdout: "null", stderr: "inherit" },
    }).spawn();
  }

  /** Runs the command to its end. */
  run(...args: string[]): Promise<KnownResult> {
    return runKnown(["batch", ...args, "--queue", this.url, "-o", this.output]);
  }

  /** Texts as items of the command. */
  async texts(texts: Readonly<Record<string, string>>): Promise<AsyncIterable<BatchItem>> {
    for (const [key, text] of Object.entries(texts)) {
      await Deno.writeTextFile(join(this.folder, key), text);
    }
    const items = Object.keys(texts).map((key) => ({ key, source: join(this.folder, key) }));
    return ReadableStream.from(items);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** What the index of an output says of each key: the SHA-256 of its record. */
async function hashesIn(output: string): Promise<Map<string, string>> {
  const text = await Deno.readTextFile(join(output, "index.jsonl"));
  const entries = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  for (const { name, sha256 } of entries) {
    assert.equal(await sha256Of(join(output, name)), sha256);
  }
  const sorted = entries.map(({ key, sha256 }): [string, string] => [key, sha256]).sort();
  assert.equal(new Map(sorted).size, sorted.length);
  return new Map(sorted);
}

Deno.test({
  name: "queue: records are those of a batch without one, also in shards",
  ...WITH_REDIS,
  async fn() {
    await using place = await Place.open();
    const alone = place.path("alone");
    await runAll({ output: alone });
    assert.deepEqual(await place.submit(numbered(25)), { items: 25, jobs: 25 });
    assert.deepEqual(await place.submit(numbered(25)), { items: 0, jobs: 25 });
    await assert.rejects(place.merge(), /found 0 of 25 jobs done/);
    const [results, others] = await Promise.all([place.work(), place.work()]);
    assert.equal(new Set([...results, ...others].map(({ key }) => key)).size, 25);
    assert.equal(results.length + others.length, 25);
    const { counts, files } = await place.merge();
    assert.deepEqual(counts, { listed: 25, items: 25, repeated: 0, records: 25, failed: 0 });
    assert.equal(files[0]?.sha256, await sha256Of(join(place.output, "index.jsonl")));
    assert.deepEqual(await hashesIn(place.output), await hashesIn(alone));
    // What came since is new, and nothing else.
    assert.deepEqual(await place.submit(numbered(27)), { items: 2, jobs: 2 });
    assert.equal((await place.work()).length, 2);
    assert.equal((await place.merge()).counts.records, 27);
    await assert.rejects(
      place.submit(numbered(1), { format: "parquet" }),
      /found --format parquet, expected --format files, as it was submitted/,
    );
    await assert.rejects(place.work(knownWork(), "parquet"), /expected --format files/);
    const other = knownWork({ settings: { command: "known", model: "b" } });
    await assert.rejects(place.work(other), /found --model b, expected --model a/);
  },
});

Deno.test({
  name: "queue: failures are tried again, end in the manifest, and are what BullMQ's clients show",
  ...WITH_REDIS,
  async fn() {
    await using place = await Place.open();
    const tries = new Map<string, number>();
    const work = knownWork({
      run({ key }) {
        const count = (tries.get(key) ?? 0) + 1;
        tries.set(key, count);
        const fails = key.endsWith("9.wav") || key.endsWith("7.wav") && count === 1;
        if (!fails) return Promise.resolve(recordOf(key));
        return Promise.reject(new TransportError("format", `Cannot read ${key}: try ${count}`));
      },
    });
    const shards = { format: "webdataset", group: 10 } as const;
    await place.submit(numbered(25), { ...shards });
    const results = await place.work(work, "webdataset");
    assert.deepEqual(
      results.filter(({ state }) => state === "failed").map(({ key }) => key).sort(),
      [
        "folder/sound 19.wav",
        "folder/sound 9.wav",
      ],
    );
    const counted = (wanted: number) => [...tries.values()].filter((n) => n === wanted).length;
    // Of a job that is tried again only what failed is worked on.
    assert.deepEqual([counted(1), counted(2), counted(3)], [21, 2, 2]);
    const { counts, failures, files } = await place.merge();
    assert.deepEqual([counts.records, counts.failed, failures], [23, 2, { format: 2 }]);
    assert.deepEqual(files.map(({ records }) => records).sort(), [1, 1, 5, 8, 8]);
    await showsJobs(place);
    assert.deepEqual(await place.submit(numbered(25), { ...shards, retryFailed: true }), {
      ...{ items: 0, jobs: 2 },
    });
    assert.equal((await place.work(knownWork(), "webdataset")).length, 2);
    assert.deepEqual((await place.merge()).counts, {
      ...{ listed: 25, items: 25, repeated: 0, records: 25, failed: 0 },
    });
  },
});

/** What any client of BullMQ sees: data, reasons of failures, results. */
async function showsJobs(place: Place): Promise<void> {
  interface Shown extends Job {
    readonly name: string;
    readonly failedReason?: string;
    readonly returnvalue: unknown;
  }
  interface Client {
    getJobs(states: readonly string[]): Promise<Shown[]>;
    close(): Promise<void>;
  }
  const { Queue } = await lazyPart<
    { readonly Queue: new (name: string, options: object) => Client }
  >(JOB_QUEUE)();
  const { Redis } = await lazyPart<RedisModule>(REDIS_CLIENT)();
  const connection = new Redis({ port: place.broker.port });
  const queue = new Queue("vcs-batch", { connection });
  const [failed] = await queue.getJobs(["failed"]);
  assert.match(failed!.name, /^folder\/sound \d+\.wav and 9 more$/);
  assert.match(failed!.failedReason!, /^1 of 1 items failed; the first: .*: format: Cannot read/);
  assert.equal(failed!.attemptsMade, 3);
  const [done] = await queue.getJobs(["completed"]);
  assert.deepEqual([done!.returnvalue, done!.data.items.length], [{ records: 5 }, 5]);
  await queue.close();
  connection.disconnect();
}

Deno.test({
  name: "queue: what a worker held that was killed is done by another, once",
  ...WITH_REDIS,
  async fn() {
    await using place = await Place.open();
    place.claim = 3000;
    const hold = place.path("hold");
    const items = { "a.txt": "", "b.txt": `hold ${hold}`, "c.txt": "" };
    await place.submit(await place.texts(items), { format: "webdataset", group: 3 });
    const worker = place.start("work", "--format", "webdataset");
    await appears(`${hold}.begun`);
    worker.kill("SIGKILL");
    await worker.status;
    await Deno.writeTextFile(hold, "");
    const other = place.start("work", "--format", "webdataset");
    assert.equal((await other.status).code, 0);
    const left = ["shard-x-try1-0123abcd.tar", "notes-2026-0123abcd.tar"];
    for (const name of left) await Deno.writeTextFile(join(place.output, name), "");
    const { counts, files } = await place.merge();
    assert.deepEqual([counts.records, files.length], [3, 1]);
    const names = (await Array.fromAsync(Deno.readDir(place.output))).map(({ name }) => name);
    assert.deepEqual(names.filter((name) => name.endsWith(".tar")).sort(), [
      left[1],
      files[0]!.name,
    ]);
    const unfinished = await Array.fromAsync(Deno.readDir(join(place.output, ".batch")));
    assert.deepEqual(unfinished.map(({ name }) => name).filter((name) => name.includes("try")), []);
  },
});

Deno.test({
  name: "queue: an item that ends its workers is a failure, and Redis may be restarted",
  ...WITH_REDIS,
  async fn() {
    await using place = await Place.open();
    place.claim = 3000;
    const hold = place.path("hold");
    const items = await place.texts({ "deadly.txt": "deadly" });
    await place.submit(items, { attempts: 1 });
    assert.equal((await place.start("work").status).success, false);
    await place.submit(await place.texts({ "b.txt": `hold ${hold}`, "c.txt": "" }));
    const worker = place.start("work");
    await appears(`${hold}.begun`);
    await place.broker.kill();
    await Deno.writeTextFile(hold, "");
    await place.broker.start();
    assert.equal((await worker.status).code, 1);
    const { counts, failures } = await place.merge();
    assert.deepEqual([counts.records, counts.failed, failures], [2, 1, { "worker-lost": 1 }]);
  },
});

Deno.test({
  name: "queue: a worker that begins while Redis is away says so, and waits for it",
  ...WITH_REDIS,
  async fn() {
    await using place = await Place.open();
    await place.submit(await place.texts({ "a.txt": "", "b.txt": "" }));
    await place.broker.kill();
    await assert.rejects(openQueue(place.url), { code: "unreachable" });
    const { output, url: queue } = place;
    const told: string[] = [];
    const onWait = ({ message }: Error) => {
      told.push(message);
      void place.broker.start();
    };
    const options = { output, queue, format: "files", onWait, signal: NEVER } as const;
    assert.equal((await Array.fromAsync(workOnQueue(knownWork(), options))).length, 2);
    assert.equal(told.length, 1);
    assert.match(told[0]!, /^Cannot connect to Redis at /);
    assert.equal((await place.merge()).counts.records, 2);
  },
});

Deno.test({
  name: "queue: what is cancelled is not worked on, and what is interrupted is given back",
  ...WITH_REDIS,
  async fn() {
    await using place = await Place.open();
    const hold = place.path("hold");
    const items = { "a.txt": `hold ${hold}`, "b.txt": "", "c.txt": "" };
    await place.submit(await place.texts(items));
    const worker = place.start("work", "--jobs", "1");
    await appears(`${hold}.begun`);
    await using open = await openQueue(place.url);
    const counts = () => open.queue.getJobCounts("waiting", "active", "failed", "completed");
    worker.kill("SIGTERM");
    assert.equal((await worker.status).code, 130);
    assert.deepEqual(await counts(), { waiting: 3, active: 0, failed: 0, completed: 0 });
    assert.equal((await place.start("cancel").status).code, 0);
    assert.deepEqual(await place.work(), []);
    await assert.rejects(place.merge(), /found 0 of 3 jobs done/);
    // The plan is there still: the same again puts all back.
    assert.deepEqual(await place.submit(await place.texts(items)), { items: 0, jobs: 3 });
    assert.equal((await place.work()).length, 3);
    assert.equal((await place.merge()).counts.records, 3);
  },
});

Deno.test({
  name: "queue: a wrong password, a wrong word and nobody there are told of at once",
  ...WITH_REDIS,
  async fn() {
    await using place = await Place.open();
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: place.broker.port });
    await conn.write(new TextEncoder().encode("CONFIG SET requirepass right\r\n"));
    await conn.read(new Uint8Array(100));
    await assert.rejects(place.submit(numbered(1)), { code: "refused", message: /NOAUTH/ });
    await using _open = await openQueue(place.url.replace("//", "//:right@"));
    assert.equal((await place.start("wrok").status).code, 2);
    await place.broker.kill();
    await assert.rejects(place.submit(numbered(1)), { code: "unreachable" });
    await assert.rejects(openQueue("amqp://127.0.0.1"), { name: "UsageError" });
  },
});

Deno.test({
  name: "queue: the three lines of the README, status, and what each of them says",
  ...WITH_REDIS,
  async fn() {
    await using place = await Place.open();
    const hold = place.path("hold");
    const texts = {
      "a.txt": "bad",
      "b.txt": "worse",
      "c.txt": "read 3 60",
      "d.txt": `hold ${hold}`,
    };
    await place.texts({ ...texts, "e.txt": "read 2 40" });
    const submitted = await place.run("submit", place.folder, "--attempts", "1");
    assert.equal(submitted.said, `5 new items; 5 jobs to do: ${place.output}\n`);
    const waiting = "0 of 5 jobs done, 0 failed, 0 at work on 0 workers, 5 waiting\n";
    assert.equal((await place.run("status")).stdout, waiting);
    const working = place.run("work", "--jobs", "1");
    await appears(`${hold}.begun`);
    const { code, stdout } = await place.run("status", "--json");
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), {
      ...{ waiting: 1, active: 1, delayed: 0, completed: 1, failed: 2, workers: 1 },
    });
    await Deno.writeTextFile(hold, "");
    const kinds = "2 failed (format 1, truncated 1)";
    const read = "read 5 of 100 bytes (5.0 %) over the network";
    const worked = await working;
    assert.equal(worked.said, `3 items done, ${kinds}: ${place.output}\n${read}\n`);
    assert.equal(worked.code, 1);
    const ended = "3 of 5 jobs done, 2 failed, 0 at work on 0 workers, 0 waiting\n";
    assert.equal((await place.run("status")).stdout, ended);
    const merged = await runKnown(["merge", place.output]);
    assert.equal(merged.said, `3 records in 1 files, ${kinds}: ${place.output}\n${read}\n`);
    assert.equal(merged.code, 1);
  },
});

Deno.test({
  name: "queue: a worker ends where more items fail than may, and gives back what it holds",
  ...WITH_REDIS,
  async fn() {
    await using place = await Place.open();
    const items = { "a.txt": `hold ${place.path("hold")}`, "b.txt": "bad", "c.txt": "bad" };
    await place.submit(await place.texts(items), { attempts: 1 });
    const { code, said } = await place.run("work", "--jobs", "2", "--max-failures", "1");
    assert.equal(code, 1);
    assert.match(said, /Cannot go on: found 2 failures, expected 1 at most; the last: c\.txt: /);
    await using open = await openQueue(place.url);
    const counts = await open.queue.getJobCounts("waiting", "active", "failed", "completed");
    assert.deepEqual(counts, { waiting: 1, active: 0, failed: 2, completed: 0 });
  },
});

Deno.test({
  name: "queue: what earlier tries have read counts, and how many jobs are left is told",
  ...WITH_REDIS,
  async fn() {
    await using place = await Place.open();
    const tried = new Set<string>();
    const looked = Promise.withResolvers<void>();
    const work = knownWork({
      async run({ key }) {
        await looked.promise;
        const isFirst = !tried.has(key) && key.endsWith("1.wav");
        tried.add(key);
        if (isFirst) throw new TransportError("format", "Cannot read it: no");
        return { ...recordOf(key), received: { bytes: 1, of: 10 } };
      },
    });
    await place.submit(numbered(6), { group: 3 });
    const left: number[] = [];
    const options = { output: place.output, queue: place.url, format: "files" } as const;
    const onLook = (jobs: number) => {
      left.push(jobs);
      looked.resolve();
    };
    const results = await Array.fromAsync(workOnQueue(work, { ...options, onLook, signal: NEVER }));
    assert.equal(results.length, 6);
    assert.deepEqual([left[0], left.at(-1)], [2, 0]);
    assert.deepEqual((await place.merge()).received, { bytes: 6, of: 60 });
  },
});

Deno.test({
  name: "queue: records that are not as they were written are refused by name",
  ...WITH_REDIS,
  async fn() {
    await using place = await Place.open();
    const twice = async function* () {
      yield* numbered(3);
      yield* numbered(3);
    };
    await place.submit(twice());
    await place.work();
    assert.deepEqual((await place.merge()).counts, {
      ...{ listed: 6, items: 3, repeated: 3, records: 3, failed: 0 },
    });
    const [{ name }] = (await Deno.readTextFile(join(place.output, "index.jsonl"))).split("\n")
      .slice(0, 1).map((line) => JSON.parse(line)) as [{ name: string }];
    const path = join(place.output, name);
    const bytes = await Deno.readFile(path);
    const store = await folderStore(place.output);
    await Deno.writeFile(path, bytes.with(9, bytes[9]! ^ 1));
    await place.merge();
    await assert.rejects(mergeJobs(store, { verify: true }), /found another SHA-256 of folder\//);
    await Deno.writeFile(path, bytes.subarray(1));
    await assert.rejects(place.merge(), /found \d+ bytes in folder\/sound .*, expected \d+$/);
    await Deno.remove(path);
    await assert.rejects(place.merge(), /found no folder\/sound .*, expected \d+ bytes$/);
    const left = await Array.fromAsync(Deno.readDir(store.workFolder));
    assert.deepEqual(left.filter(({ name }) => name.startsWith("merge-")), []);
  },
});
