/**
 * Names for what lies in a pickle's tree: keys and list positions are joined by "/", attributes of
 * objects by ".", so that a flat state dict keeps its keys, `state_dict/encoder.conv_in.weight` is
 * an entry of a Lightning checkpoint, and a TorchScript module gives PyTorch's dotted names.
 *
 * @module
 */
import { type Budget, bytesOf, ENTRY_BYTES } from "./budget.ts";
import { OnnxError } from "../errors.ts";
import { fromNumpy } from "./numpy.ts";
import { PickleGlobal, PickleObject, PickleTuple } from "./pickle_values.ts";
import { TorchTensor } from "./tensor.ts";

/** A plain value in a checkpoint. */
export type CheckpointValue = string | number | bigint | boolean | null;

/** The tensors and the plain values of a tree, by name. */
export interface NamedLeaves {
  /** Tensors. */
  readonly tensors: Map<string, TorchTensor>;
  /** Plain values. */
  readonly values: Map<string, CheckpointValue>;
}

const MAX_NODES = 1_000_000;
/** Characters of all names together. */
const MAX_CHARACTERS = 1 << 26;
const MAX_DEPTH = 64;

function limit(what: string): OnnxError {
  return new OnnxError("limit", `Cannot name what the checkpoint holds: ${what}`);
}

type Child = [separator: string, key: unknown, value: unknown];

function* listed(items: Iterable<unknown>): Generator<Child> {
  let i = 0;
  for (const item of items) yield ["/", i++, item];
}

function* keyed(items: Map<unknown, unknown>, separator: string): Generator<Child> {
  for (const [key, value] of items) yield [separator, key, value];
}

/** What lies in a node, one at a time: a list may have millions. */
function* children(node: object): Generator<Child> {
  if (node instanceof Map) yield* keyed(node, "/");
  if (Array.isArray(node) || node instanceof Set) yield* listed(node);
  if (node instanceof PickleTuple) yield* listed(node.items);
  if (!(node instanceof PickleObject)) return;
  yield* keyed(node.attributes, ".");
  yield* keyed(node.entries, "/");
  yield* listed(node.items);
  // Else a tensor would vanish with a class that was allowed.
  yield* listed(node.args.filter((arg) => arg instanceof TorchTensor));
}

/** A key in a name. Tuples are looked into, one level deep: they may hold themselves. */
function keyName(key: unknown): string {
  if (key instanceof PickleTuple) return `(${key.items.slice(0, 8).map(plainName).join(",")})`;
  return plainName(key);
}

function plainName(key: unknown): string {
  if (key instanceof PickleGlobal) return key.name;
  if (key instanceof PickleObject) return key.className;
  return isValue(key) ? String(key) : "?";
}

function isValue(node: unknown): node is CheckpointValue {
  return node === null || ["string", "number", "bigint", "boolean"].includes(typeof node);
}

/** Leaves by name. Two ways through a tree may read the same: the second is numbered. */
class Leaves<T> {
  readonly byName = new Map<string, T>();
  readonly #times = new Map<string, number>();

  add(name: string, leaf: T): void {
    let free = name;
    while (this.byName.has(free)) {
      const times = (this.#times.get(name) ?? 1) + 1;
      this.#times.set(name, times);
      free = `${name}#${times}`;
    }
    this.byName.set(free, leaf);
  }
}

/** Walks a tree; what is reached by several ways is named several times, cycles are cut. */
class Walk {
  readonly tensors = new Leaves<TorchTensor>();
  readonly values = new Leaves<CheckpointValue>();
  readonly #above = new Set<object>();
  #nodes = 0;
  #characters = 0;

  constructor(readonly budget: Budget) {}

  visit(name: string, found: unknown): void {
    this.#count(name);
    const node = found instanceof PickleObject ? fromNumpy(found) ?? found : found;
    if (node instanceof TorchTensor) this.#leaf(this.tensors, name, node);
    else if (isValue(node)) this.#leaf(this.values, name, node);
    else if (typeof node === "object" && node !== null && !this.#above.has(node)) {
      this.#descend(name, node);
    }
  }

  #leaf<T>(leaves: Leaves<T>, name: string, node: T): void {
    this.budget.spend(ENTRY_BYTES + bytesOf(name));
    leaves.add(name, node);
  }

  #count(name: string): void {
    this.#characters += name.length;
    if (++this.#nodes > MAX_NODES) throw limit(`more than ${MAX_NODES} values`);
    if (this.#characters > MAX_CHARACTERS) throw limit("the names are too long");
  }

  #descend(name: string, node: object): void {
    if (this.#above.size >= MAX_DEPTH) throw limit(`nested deeper than ${MAX_DEPTH}`);
    this.#above.add(node);
    for (const [separator, key, value] of children(node)) {
      const part = keyName(key);
      this.visit(name === "" ? part : `${name}${separator}${part}`, value);
    }
    this.#above.delete(node);
  }
}

/**
 * Names the tensors and plain values of a tree.
 *
 * @param budget memory for the names
 * @throws {OnnxError} `limit`: the tree is too deep or, with shared parts counted as often as they
 * are reached, too large
 */
export function nameLeaves(root: unknown, budget: Budget): NamedLeaves {
  const walk = new Walk(budget);
  walk.visit("", root);
  return { tensors: walk.tensors.byName, values: walk.values.byName };
}
