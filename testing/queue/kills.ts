/**
 * Real items through a queue whose workers are killed and whose Redis is restarted at random moments,
 * against a batch that is left alone.
 *
 * @module
 */
import { encodeWav } from "@vcs/media/wav";
import { join } from "node:path";
import { openQueue } from "../../packages/transport/batch/queue/bull.ts";
import { type Broker, startBroker } from "../../packages/transport/trial/brokers.ts";

const RATE = 24000;
const COMMAND = import.meta.resolve("../../packages/encodec-stream/mod.ts");
const CODEC = ["--model", "encodec_tiny_24khz", "-b", "6"];

/** How much is done, and how often it is disturbed. */
export interface KillPlan {
  readonly items: number;
  readonly kills: number;
  readonly restarts: number;
  /** Items of a job of the queue. Default: 1. */
  readonly group?: number;
  /** Items at once of each worker, and of the batch alone. Default: 1. */
  readonly jobs?: number;
}

/** What came of it. */
export interface KillResult {
  /** Records that the batch alone has and the queue's has not. */
  readonly lost: number;
  /** Keys that the queue's index has and the batch alone has not. */
  readonly unknown: number;
  /** Keys that the queue's index has more than once. */
  readonly doubled: number;
  /** Records whose bytes differ. */
  readonly differing: number;
  /** Jobs that were begun more than once. */
  readonly takenOver: number;
  /** Seconds from the submission to the last job. */
  readonly seconds: number;
}

/** The same numbers from 0 to 1 in every run. */
function numbers(): () => number {
  let state = 1;
  return () => (state = Math.imul(state, 1664525) + 1013904223 >>> 0) / 2 ** 32;
}

/** Seconds of sound, each of another pitch. */
async function writeSounds(folder: string, items: number): Promise<void> {
  await Deno.mkdir(folder);
  for (let i = 0; i < items; i++) {
    const samples = Float32Array.from(
      { length: RATE },
      (_, at) => 0.4 * Math.sin(at * (80 + i % 2000) / 4000 + i),
    );
    await Deno.writeFile(join(folder, `${i}.wav`), encodeWav([samples], { sampleRate: RATE }));
  }
}

function start(...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", COMMAND, ...args],
    ...{ stdin: "null", stdout: "null", stderr: "piped" },
  }).spawn();
}

/** How a process ended, once it has; one that neither succeeded nor was killed is an error. */
async function ended(child: Deno.ChildProcess, what: string): Promise<Deno.CommandStatus> {
  const [status, said] = await Promise.all([child.status, new Response(child.stderr).text()]);
  if (status.success || status.signal === "SIGKILL") return status;
  throw new Error(`${what} ended with ${status.code}: ${said.slice(-1000)}`);
}

/** Workers that are started again when they are killed. */
class Workers implements Disposable {
  #isOver = false;
  readonly #args: readonly string[];
  readonly #running = new Set<Deno.ChildProcess>();
  readonly done: Promise<unknown>;

  constructor(count: number, args: readonly string[]) {
    this.#args = args;
    this.done = Promise.all(Array.from({ length: count }, () => this.#keep()));
  }

  async #keep(): Promise<void> {
    for (;;) {
      const child = start(...this.#args);
      this.#running.add(child);
      const { success } = await ended(child, "A worker");
      this.#running.delete(child);
      if (success || this.#isOver) return;
    }
  }

  /** Kills all of them for good. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const child of this.#running) child.kill("SIGKILL");
  }

  /** Kills one of them. */
  kill(random: number): void {
    const children = [...this.#running];
    children[Math.floor(random * children.length)]?.kill("SIGKILL");
  }
}

/** Disturbs the workers and their Redis, each time when so many more jobs are done. */
async function disturb(
  workers: Workers,
  { broker, url, plan }: { readonly broker: Broker; readonly url: string; readonly plan: KillPlan },
): Promise<void> {
  const random = numbers();
  const { items, kills, restarts, group = 1 } = plan;
  const jobs = Math.ceil(items / group);
  const at = (kind: "kill" | "restart") => () => ({ kind, when: random() * jobs * 0.95 });
  const events = [
    ...Array.from({ length: kills }, at("kill")),
    ...Array.from({ length: restarts }, at("restart")),
  ].sort((a, b) => a.when - b.when);
  await using open = await openQueue(url);
  for (const { kind, when } of events) {
    while ((await open.queue.getJobCounts("completed")).completed < when) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    if (kind === "kill") workers.kill(random());
    else {
      await broker.kill();
      await broker.start();
    }
  }
}

/** A line of an index. */
interface IndexEntry {
  readonly key: string;
  readonly sha256: string;
}

/** What is wrong with what a queue made, against what a batch alone made. */
export function compared(
  alone: readonly IndexEntry[],
  queue: readonly IndexEntry[],
): Pick<KillResult, "lost" | "unknown" | "doubled" | "differing"> {
  const [expected, found] = [alone, queue].map((entries) =>
    new Map(entries.map(({ key, sha256 }) => [key, sha256]))
  ) as [Map<string, string>, Map<string, string>];
  const keys = [...expected.keys()];
  return {
    lost: keys.filter((key) => !found.has(key)).length,
    unknown: [...found.keys()].filter((key) => !expected.has(key)).length,
    doubled: queue.length - found.size,
    differing: queue.filter(({ key, sha256 }) => (expected.get(key) ?? sha256) !== sha256).length,
  };
}

/** The lines of an output's index. */
async function indexOf(output: string): Promise<IndexEntry[]> {
  const text = await Deno.readTextFile(join(output, "index.jsonl"));
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** Jobs of a report's second try, or a later one. */
async function takenOver(url: string): Promise<number> {
  await using open = await openQueue(url);
  const queue = open.queue as unknown as {
    getCompleted(start: number, end: number): Promise<{ readonly attemptsStarted: number }[]>;
  };
  return (await queue.getCompleted(0, -1)).filter((job) => job.attemptsStarted > 1).length;
}

/** Runs it; needs a Redis. */
export async function runKills(plan: KillPlan): Promise<KillResult> {
  const { group = 1, jobs = 1 } = plan;
  const codec = [...CODEC, "--jobs", String(jobs)];
  const folder = await Deno.makeTempDir();
  const [sounds, alone, shared] = ["in", "alone", "shared"].map((name) => join(folder, name));
  await using broker = await startBroker("redis");
  try {
    await writeSounds(sounds!, plan.items);
    const reference = ended(start("batch", sounds!, "-o", alone!, ...codec), "The batch alone");
    reference.catch(() => {});
    const url = `redis://127.0.0.1:${broker.port}?claim=5000`;
    const where = ["--queue", url, "-o", shared!];
    const planned = ["--attempts", "100", "--group", String(group)];
    await ended(start("batch", "submit", sounds!, ...where, ...planned), "submit");
    const began = performance.now();
    using workers = new Workers(3, ["batch", "work", ...where, ...codec]);
    await Promise.all([workers.done, disturb(workers, { broker, url, plan })]);
    const seconds = (performance.now() - began) / 1000;
    await ended(start("merge", shared!), "merge");
    await reference;
    const faults = compared(await indexOf(alone!), await indexOf(shared!));
    return { ...faults, takenOver: await takenOver(url), seconds };
  } finally {
    // Where something failed, others may still write: what failed is what counts.
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
}
