/**
 * What was submitted, written down in the output: the jobs of each `submit` and the items of each job.
 * The queue can lose all that it holds, and what there is to do is known still.
 *
 * @module
 */
import { join } from "node:path";
import { sha256Of } from "../../fetch/download.ts";
import { writeAll } from "../../io/write_all.ts";
import type { BatchOptions } from "../batch.ts";
import { lines } from "../items.ts";
import { KeySet } from "../key_set.ts";
import type { OutputStore } from "../output/output_store.ts";
import type { BatchItem } from "../record.ts";

/** Form of the output. */
export type PlanFormat = NonNullable<BatchOptions["format"]>;

/** A job and its items. */
export interface PlannedJob {
  readonly id: string;
  readonly items: readonly BatchItem[];
}

/** Names of plans. */
const NAME = /^plan-([0-9a-f]{8})\.jsonl$/;

/** The first line of a plan. */
interface Head {
  /** Form of the output. */
  readonly format: PlanFormat;
  /** Items of a job. */
  readonly group: number;
}

/** The last line of a plan. */
interface Tail {
  /** Items whose key had come before. */
  readonly repeated: number;
}

/** The jobs of one `submit`, which are read as they are asked for. */
export class Plan {
  /** Form of the output. */
  readonly format: PlanFormat;
  /** Items of a job. */
  readonly group: number;
  readonly #id: string;
  readonly #lines: () => AsyncIterable<string>;
  #repeated: number | undefined;

  private constructor(id: string, { format, group }: Head, lines: () => AsyncIterable<string>) {
    this.format = format;
    this.group = group;
    this.#id = id;
    this.#lines = lines;
  }

  /** Reads the beginning of a plan; gives undefined where it is none. */
  static async open(store: OutputStore, name: string): Promise<Plan | undefined> {
    const [, id] = NAME.exec(name) ?? [];
    if (id === undefined) return undefined;
    const all = () => linesOf(store, name);
    for await (const line of all()) return new Plan(id, JSON.parse(line), all);
    return undefined;
  }

  /** Its jobs by their names, with their items. */
  async *jobs(): AsyncGenerator<PlannedJob> {
    let index = -1;
    for await (const line of this.#lines()) {
      if (line.startsWith("[")) yield { id: `${this.#id}-${index}`, items: JSON.parse(line) };
      else if (index >= 0) this.#repeated = (JSON.parse(line) as Tail).repeated;
      index++;
    }
  }

  /** Items whose key had come before: at its end, so that it is read through where it was not yet. */
  async repeated(): Promise<number> {
    if (this.#repeated === undefined) { for await (const _ of this.jobs()); }
    return this.#repeated ?? 0;
  }
}

async function* linesOf(store: OutputStore, name: string): AsyncGenerator<string> {
  yield* lines(await store.stream(name) ?? []);
}

/** The plans of an output, in the order of their names. */
export async function readPlans(store: OutputStore): Promise<Plan[]> {
  const names = await Array.fromAsync(store.list("plan-"));
  const plans = await Promise.all(names.sort().map((name) => Plan.open(store, name)));
  return plans.filter((plan) => plan !== undefined);
}

/** The jobs of plans. */
export async function* jobsOf(plans: readonly Plan[]): AsyncGenerator<PlannedJob> {
  for (const plan of plans) yield* plan.jobs();
}

/** Writes the plan of the items that are in none of the plans; gives how many there are. */
export async function writePlan(
  store: OutputStore,
  { items, before, format, group, signal }: Head & {
    readonly items: AsyncIterable<BatchItem>;
    readonly before: readonly Plan[];
    readonly signal: AbortSignal;
  },
): Promise<number> {
  const keys = new KeySet();
  for await (const { items } of jobsOf(before)) for (const { key } of items) keys.add(key);
  const known = keys.size;
  const path = join(store.workFolder, `plan-${crypto.randomUUID()}.part`);
  try {
    {
      using file = await Deno.open(path, { write: true, create: true });
      const put = (line: unknown) =>
        writeAll(file, new TextEncoder().encode(`${JSON.stringify(line)}\n`));
      await put({ format, group });
      const fresh = new Fresh(items, keys, known);
      for await (const chunk of chunksOf(fresh, group)) {
        signal.throwIfAborted();
        await put(chunk);
      }
      await put({ repeated: fresh.repeated });
    }
    const count = keys.size - known;
    // Named by its content: the same plan, written twice, is one.
    if (count > 0) await store.take(path, `plan-${(await sha256Of(path)).slice(0, 8)}.jsonl`);
    return count;
  } finally {
    await Deno.remove(path).catch(() => {});
  }
}

/** Items whose key is new. */
class Fresh implements AsyncIterable<BatchItem> {
  repeated = 0;
  readonly #items: AsyncIterable<BatchItem>;
  readonly #keys: KeySet;
  readonly #known: number;

  constructor(items: AsyncIterable<BatchItem>, keys: KeySet, known: number) {
    this.#items = items;
    this.#keys = keys;
    this.#known = known;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<BatchItem> {
    // Of keys that are in an earlier plan it cannot be said whether they come twice in this listing.
    const listed = this.#known > 0 ? new KeySet() : undefined;
    for await (const item of this.#items) {
      if (this.#keys.add(item.key)) {
        listed?.add(item.key);
        yield item;
      } else if (listed === undefined || !listed.add(item.key)) this.repeated++;
    }
  }
}

async function* chunksOf<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
