/**
 * A bound on the memory that a checkpoint's tree takes: what is made is charged by a rough size
 * before it is kept, so that a file of a few kilobytes cannot become gigabytes of empty dictionaries.
 *
 * @module
 */
import { OnnxError } from "../errors.ts";
import { PickleGlobal, PickleObject, PickleTuple } from "./pickle_values.ts";

/** Bytes that a tree may take unless more are allowed: that of 50,000 tensors fits. */
export const DEFAULT_TREE_BYTES: number = 1 << 27;

/** What V8 takes for an entry of a map, its growth included. */
export const ENTRY_BYTES = 80;
/** What an element of a list takes, its growth included. */
export const ELEMENT_BYTES = 16;

/** Memory that may still be taken. */
export class Budget {
  #left: number;

  /** Starts with all of it. */
  constructor(readonly total: number = DEFAULT_TREE_BYTES) {
    this.#left = total;
  }

  /**
   * Takes some.
   *
   * @throws {OnnxError} `limit`: there is not as much left
   */
  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left >= 0) return;
    throw new OnnxError(
      "limit",
      `Cannot read the checkpoint: what it says of its tensors takes more than ${this.total} ` +
        "bytes of memory; allow more with { maxBytes }",
    );
  }
}

/** What a value takes that an opcode made, without what it refers to. */
export function bytesOf(value: unknown): number {
  if (typeof value === "string") return 32 + 2 * value.length;
  if (typeof value === "bigint") return 64;
  if (typeof value !== "object" || value === null) return 8;
  // The first element makes room for sixteen more.
  if (Array.isArray(value)) return 224 + ELEMENT_BYTES * value.length;
  if (value instanceof Uint8Array) return 128 + value.length;
  if (value instanceof Map || value instanceof Set) return 240 + ENTRY_BYTES * value.size;
  if (value instanceof PickleTuple) return 96 + ELEMENT_BYTES * value.items.length;
  if (value instanceof PickleGlobal) return 64 + 2 * value.name.length;
  return value instanceof PickleObject ? 800 : 1024;
}
