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
import { KeySet } from "../key_set.ts";
import type { OutputStore } from "../output/output_store.ts";
import type { BatchItem } from "../record.ts";

/** Form of the output. */
export type PlanFormat = NonNullable<BatchOptions["format"]>;

/** The jobs of one `submit`. */
export interface Plan {
  /** Form of the output. */
  readonly format: PlanFormat;
  /** Items of a job. */
  readonly group: number;
  /** Items whose key had come before. */
  readonly repeated: number;
  /** Jobs by their names, with their items. */
  readonly jobs: Iterable<PlannedJob>;
}

/** A job and its items. */
export interface PlannedJob {
  readonly id: string;
  readonly items: readonly BatchItem[];
}

/** Names of plans. */
const NAME = /^plan-([0-9a-f]{8})\.jsonl$/;

/** The first line of a plan. */
type Head = Pick<Plan, "format" | "group">;

/** The plans of an output, in the order of their names. */
export async function readPlans(store: OutputStore): Promise<Plan[]> {
  const names = await Array.fromAsync(store.list("plan-"));
  const plans: Plan[] = [];
  for (const name of names.sort()) {
    const id = NAME.exec(name)?.[1];
    const bytes = id === undefined ? undefined : await store.read(name);
    if (bytes === undefined) continue;
    const lines = new Lines(bytes);
    const head: Head = JSON.parse(lines.at(0));
    const { repeated }: Pick<Plan, "repeated"> = JSON.parse(lines.at(lines.count - 1));
    plans.push({ ...head, repeated, jobs: { [Symbol.iterator]: () => jobsOf(id!, lines) } });
  }
  return plans;
}

/** Jobs are made as they are asked for: a plan of a million items stays the bytes that it is. */
function* jobsOf(plan: string, lines: Lines): Generator<PlannedJob> {
  for (let i = 1; i < lines.count - 1; i++) {
    yield { id: `${plan}-${i - 1}`, items: JSON.parse(lines.at(i)) };
  }
}

/** Lines of a text, each of which has its end. */
class Lines {
  readonly #bytes: Uint8Array;
  readonly #ends: number[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, end + 1)) {
      this.#ends.push(end);
    }
  }

  get count(): number {
    return this.#ends.length;
  }

  at(index: number): string {
    const start = index === 0 ? 0 : this.#ends[index - 1]! + 1;
    return new TextDecoder().decode(this.#bytes.subarray(start, this.#ends[index]));
  }
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
  for (const { jobs } of before) {
    for (const { items } of jobs) items.map(({ key }) => keys.add(key));
  }
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
