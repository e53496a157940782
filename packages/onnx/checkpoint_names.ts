/**
 * Names for what lies in a pickle's tree: keys and list positions are joined by "/", attributes of
 * objects by ".", so that a flat state dict keeps its keys, `state_dict/encoder.conv_in.weight` is
 * an entry of a Lightning checkpoint, and a TorchScript module gives PyTorch's dotted names.
 *
 * @module
 */
import { OnnxError } from "./errors.ts";
import { PickleGlobal, PickleObject, PickleTuple } from "./pickle_values.ts";
import { TorchTensor } from "./torch_tensor.ts";

/** A plain value in a checkpoint. */
export type CheckpointValue = string | number | bigint | boolean | null;

/** The tensors and the plain values of a tree, by name. */
export interface NamedLeaves {
  /** Tensors. */
  readonly tensors: Map<string, TorchTensor>;
  /** Plain values. */
  readonly values: Map<string, CheckpointValue>;
}

const MAX_NODES = 2_000_000;
const MAX_DEPTH = 64;

function limit(what: string): OnnxError {
  return new OnnxError("checkpoint_invalid", `Cannot name what the checkpoint holds: ${what}`);
}

type Child = [separator: string, key: unknown, value: unknown];

function children(node: object): Child[] {
  const list = (items: Iterable<unknown>): Child[] => [...items].map((item, i) => ["/", i, item]);
  const map = (items: Map<unknown, unknown>, separator: string): Child[] =>
    [...items].map(([key, value]) => [separator, key, value]);
  if (node instanceof Map) return map(node, "/");
  if (Array.isArray(node) || node instanceof Set) return list(node);
  if (node instanceof PickleTuple) return list(node.items);
  if (!(node instanceof PickleObject)) return [];
  return [...map(node.attributes, "."), ...map(node.entries, "/"), ...list(node.items)];
}

function keyName(key: unknown): string {
  if (key instanceof PickleTuple) return `(${key.items.map(keyName).join(",")})`;
  if (key instanceof PickleGlobal) return key.name;
  if (key instanceof PickleObject) return key.className;
  return String(key);
}

function isValue(node: unknown): node is CheckpointValue {
  return node === null || ["string", "number", "bigint", "boolean"].includes(typeof node);
}

/** Walks a tree; what is reached by several ways is named several times, cycles are cut. */
class Walk implements NamedLeaves {
  readonly tensors = new Map<string, TorchTensor>();
  readonly values = new Map<string, CheckpointValue>();
  readonly #above = new Set<object>();
  #nodes = 0;

  visit(name: string, node: unknown): void {
    if (++this.#nodes > MAX_NODES) throw limit(`more than ${MAX_NODES} values`);
    if (node instanceof TorchTensor) return add(this.tensors, name, node);
    if (isValue(node)) return add(this.values, name, node);
    if (typeof node !== "object" || node === null || this.#above.has(node)) return;
    if (this.#above.size >= MAX_DEPTH) throw limit(`nested deeper than ${MAX_DEPTH}`);
    this.#above.add(node);
    for (const [separator, key, value] of children(node)) {
      const part = keyName(key);
      this.visit(name === "" ? part : `${name}${separator}${part}`, value);
    }
    this.#above.delete(node);
  }
}

/** Two ways through a tree may read the same: the second is numbered. */
function add<T>(leaves: Map<string, T>, name: string, value: T): void {
  let free = name;
  for (let n = 2; leaves.has(free); n++) free = `${name}#${n}`;
  leaves.set(free, value);
}

/**
 * Names the tensors and plain values of a tree.
 *
 * @throws {OnnxError} `checkpoint_invalid`: the tree is too deep or, with shared parts counted as
 * often as they are reached, too large
 */
export function nameLeaves(root: unknown): NamedLeaves {
  const walk = new Walk();
  walk.visit("", root);
  return walk;
}
