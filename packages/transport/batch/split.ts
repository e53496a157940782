/**
 * Which part of the items a machine works on, where several share them without a server.
 *
 * @module
 */
import { type Environment, environment } from "../command/environment.ts";
import { UsageError } from "../command/usage_error.ts";
import type { ValueKind } from "../command/values.ts";
import { crc32 } from "../formats/crc32.ts";

/** One of several parts. */
export interface Split {
  /** Which part, from 0. */
  readonly index: number;
  /** How many there are. */
  readonly count: number;
}

/** A part as an option: `3/16`, or `auto/16` with the index of an array job. */
export const splitKind: ValueKind<Partial<Split> & { readonly isOff?: boolean }> = {
  placeholder: "I/N",
  allowed: "parts from 0/N to N-1/N, auto/N, or off",
  parse(text) {
    if (text === "off") return { isOff: true };
    const [, first, digits] = /^(\d{1,6}|auto)\/(\d{1,6})$/.exec(text) ?? [];
    const count = Number(digits);
    if (first === "auto" && count >= 1) return { count };
    return Number(first) < count ? { index: Number(first), count } : undefined;
  },
};

function whole(env: Environment, name: string): number | undefined {
  const text = env.get(name);
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** What the scheduler of an array job says, as far as it says it. */
function arrayJob(env: Environment): Partial<Split> {
  const task = whole(env, "SLURM_ARRAY_TASK_ID");
  if (task !== undefined) {
    const first = whole(env, "SLURM_ARRAY_TASK_MIN") ?? 0;
    const step = whole(env, "SLURM_ARRAY_TASK_STEP") ?? 1;
    const count = whole(env, "SLURM_ARRAY_TASK_COUNT");
    return { index: (task - first) / step, ...(count !== undefined && { count }) };
  }
  const batch = whole(env, "AWS_BATCH_JOB_ARRAY_INDEX");
  const index = batch ?? whole(env, "JOB_COMPLETION_INDEX");
  const count = batch === undefined ? undefined : whole(env, "AWS_BATCH_JOB_ARRAY_SIZE");
  return { ...(index !== undefined && { index }), ...(count !== undefined && { count }) };
}

/**
 * The part to work on: as the option says, else as an array job of Slurm, AWS Batch or Kubernetes
 * says; undefined where there is only one.
 *
 * @throws {UsageError} where only the index or only the count is known.
 */
export function splitOf(
  given: (Partial<Split> & { readonly isOff?: boolean }) | undefined,
  env: Environment = environment,
): Split | undefined {
  if (given?.isOff) return undefined;
  const { index, count } = { ...arrayJob(env), ...given };
  if (index === undefined && count === undefined) return undefined;
  if (index === undefined) {
    throw new UsageError(
      "Cannot read --shard: found no index of an array job " +
        "(SLURM_ARRAY_TASK_ID, AWS_BATCH_JOB_ARRAY_INDEX, JOB_COMPLETION_INDEX), expected I/N",
    );
  }
  if (count === undefined) {
    throw new UsageError(
      `Cannot split the items: found index ${index} of an array job, expected --shard auto/N, or off`,
    );
  }
  if (Number.isInteger(index) && index < count) return { index, count };
  throw new UsageError(
    `Cannot split the items: found part ${index} of ${count}, expected 0 to ${count - 1}`,
  );
}

/** Whether an item belongs to a part: by its key, so that the order of items is of no matter. */
export function isInSplit(key: string, { index, count }: Split): boolean {
  return crc32(new TextEncoder().encode(key)) % count === index;
}

/** What names of output files begin with. */
export function stemOf(split: Split | undefined): string {
  if (split === undefined) return "shard";
  const width = String(split.count).length;
  return `shard-${String(split.index).padStart(width, "0")}-of-${split.count}`;
}
