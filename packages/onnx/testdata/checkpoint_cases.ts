/** Makes checkpoint files for tests: pickles from their opcodes, archives from pickles. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Tensor, tensorBytes } from "@vcs/transport/tensor";
import { zipStream } from "@vcs/transport/internal";
import type { Checkpoint } from "../checkpoint.ts";
import { OnnxError, type OnnxErrorCode } from "../errors.ts";

type Part = string | number | Uint8Array;

/** Joins opcodes: numbers are bytes, strings are Latin-1. */
export function join(...parts: Part[]): Uint8Array<ArrayBuffer> {
  const bytes = parts.flatMap((part) => {
    if (typeof part === "number") return [part];
    return typeof part === "string" ? Array.from(part, (char) => char.charCodeAt(0)) : [...part];
  });
  return new Uint8Array(bytes);
}

function u32(value: number): string {
  return String.fromCharCode(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24);
}

/** Opcodes of protocol 2, as text. */
export const op = {
  start: "\x80\x02",
  text: (value: string) => `X${u32(new TextEncoder().encode(value).length)}${value}`,
  int: (value: number) => `J${u32(value)}`,
  long: (hex: string) => `\x8a${String.fromCharCode(hex.length / 2)}${latin1(hex)}`,
  global: (module: string, name: string) => `c${module}\n${name}\n`,
  tuple: (...items: string[]) => `(${items.join("")}t`,
  list: (...items: string[]) => `](${items.join("")}e`,
  dict: (...items: string[]) => `}(${items.join("")}u`,
  reduce: (callable: string, ...args: string[]) => `${callable}(${args.join("")}tR`,
};

function latin1(hex: string): string {
  return String.fromCharCode(...Uint8Array.fromHex(hex));
}

/** A storage of a record. */
export function storage(type: string, key: string, count: number): string {
  const id = [op.text("storage"), op.global("torch", type), op.text(key), op.text("cpu")];
  return `${op.tuple(...id, op.int(count))}Q`;
}

/** A tensor over a storage. */
export function rebuilt(of: string, offset: number, shape: number[], strides: number[]): string {
  return op.reduce(
    op.global("torch._utils", "_rebuild_tensor_v2"),
    of,
    op.int(offset),
    op.tuple(...shape.map(op.int)),
    op.tuple(...strides.map(op.int)),
    "\x89",
    op.reduce(op.global("collections", "OrderedDict")),
  );
}

/** A checkpoint archive of a pickled tree and records. */
export async function checkpointFile(
  tree: string,
  records: Record<string, Uint8Array> = {},
  compress = false,
): Promise<Uint8Array<ArrayBuffer>> {
  return await pickledFile(join(op.start, tree, "."), records, compress);
}

/** A checkpoint archive of a pickle and records. */
export async function pickledFile(
  pickle: Uint8Array<ArrayBuffer>,
  records: Record<string, Uint8Array> = {},
  compress = false,
): Promise<Uint8Array<ArrayBuffer>> {
  const entries = [
    { name: "root/data.pkl", parts: [pickle] },
    ...Object.entries(records).map(([key, bytes]) => ({ name: `root/${key}`, parts: [bytes] })),
  ];
  const stream = zipStream(entries, compress) as ReadableStream<Uint8Array<ArrayBuffer>>;
  return await new Response(stream).bytes();
}

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** For assert.throws and assert.rejects. */
export function failsWith(code: OnnxErrorCode, message = /./): (error: unknown) => boolean {
  return (error) =>
    error instanceof OnnxError && error.code === code && message.test(error.message);
}

/** Every tensor of a checkpoint. */
export async function readAll(checkpoint: Checkpoint): Promise<Map<string, Tensor>> {
  const tensors = new Map<string, Tensor>();
  for (const name of checkpoint.names) {
    const t = await checkpoint.read(name);
    assert.deepEqual({ dtype: t.dtype, shape: t.shape }, checkpoint.info(name));
    tensors.set(name, t);
  }
  return tensors;
}

/** Bit for bit: NaN and -0 count. */
export function assertSame(actual: Tensor | undefined, expected: Tensor, name: string): void {
  assert.deepEqual([actual?.dtype, actual?.shape], [expected.dtype, expected.shape], name);
  assert.deepEqual(tensorBytes(actual!), tensorBytes(expected), name);
}
