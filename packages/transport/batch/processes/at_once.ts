/**
 * How many items of an archive are worked on at once: as processors and memory allow.
 *
 * @module
 */
import { builtin } from "../../io/builtin.ts";

/** Bytes that an item under way may take: a process with 1080p has 220 MB, and with 4K 320. */
const ITEM_BYTES = 512 * 2 ** 20;

/** Memory of the machine; undefined where nobody may know. */
export interface Memory {
  /** Bytes that are free. */
  readonly free: number | undefined;
  /** Bytes that this process and those beside it in its control group may take. */
  readonly limit: number | undefined;
}

/** How many items, and why no more. */
export interface AtOnce {
  /** Items at once, one at least. */
  readonly items: number;
  /** What memory allows no more; undefined where as many are allowed as were wished for. */
  readonly note: string | undefined;
}

/** Items at once that memory allows, of so many that are wished for. */
export function itemsAtOnce(
  wished: number,
  { free = Infinity, limit = Infinity }: Memory = thisMemory(),
): AtOnce {
  const bytes = Math.min(free, limit);
  const items = Math.max(1, Math.min(wished, Math.floor(bytes / ITEM_BYTES)));
  if (items === wished) return { items, note: undefined };
  const what = limit < free ? "the limit of its control group" : "the memory that is free";
  const size = `${Math.round(bytes / 1e6)} MB, ${Math.round(ITEM_BYTES / 1e6)} MB an item`;
  const count = items === 1 ? "1 item" : `${items} items`;
  return { items, note: `${count} at once, not ${wished}, for ${what}: ${size}` };
}

/** Memory here; what takes a permission that was not given is not asked for. */
function thisMemory(): Memory {
  const memory = { name: "sys", kind: "systemMemoryInfo" } as const;
  const isAllowed = Deno.permissions.querySync(memory).state === "granted";
  if (!isAllowed) return { free: undefined, limit: undefined };
  const limit = builtin("node:process").constrainedMemory();
  return {
    free: Deno.systemMemoryInfo().available,
    limit: limit > 0 ? limit : undefined,
  };
}
