/** The arrays that make_formats.py writes, and the helpers that the format tests share. */
import assert from "node:assert/strict";
import { sharedPath } from "#testing/shared.ts";
import { TransportError, type TransportErrorCode } from "../errors.ts";
import { readSafetensors } from "../safetensors.ts";
import { type Tensor, tensor, tensorBytes } from "../tensor.ts";

const values = Array.from({ length: 12 }, (_, i) => i / 8);

export const ramp = tensor("F32", [3, 4], new Float32Array(values));
export const halfRamp = tensor("F16", [3, 4], new Float16Array(values));
export const ints = tensor("I64", [5], BigInt64Array.from([0n, 1n, 2n, 3n, 4n]));

export function fixture(name: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(new URL(name, import.meta.url));
}

export function fixturePath(name: string): URL {
  return new URL(name, import.meta.url);
}

/** For assert.throws and assert.rejects. */
export function hasCode(...codes: TransportErrorCode[]): (error: unknown) => boolean {
  return (error) => error instanceof TransportError && codes.includes(error.code);
}

/** Bit for bit: NaN and -0 count. */
export function assertSameTensor(actual: Tensor | undefined, expected: Tensor): void {
  assert.equal(actual?.dtype, expected.dtype);
  assert.deepEqual(actual?.shape, expected.shape);
  assert.deepEqual(tensorBytes(actual!), tensorBytes(expected));
}

interface GoldenFile {
  file: string;
  kind: string;
  expect: "read" | "error";
  alsoAccept?: string[];
  expected?: string;
}

/** Checks every golden file of a kind: the tensors bit for bit, or a typed error. */
export async function checkGoldens(
  kind: string,
  read: (path: string) => Promise<ReadonlyMap<string, Tensor>>,
): Promise<void> {
  const manifest: { files: GoldenFile[] } = JSON.parse(
    Deno.readTextFileSync(sharedPath("golden/files/MANIFEST.json")),
  );
  const files = manifest.files.filter((entry) => entry.kind === kind);
  assert.ok(files.length > 0);
  for (const entry of files) {
    const verdict = await verdictOf(entry, read);
    const also = entry.alsoAccept?.map((text) => text.split(":")[0]!) ?? [];
    assert.ok([entry.expect, ...also].includes(verdict), `${entry.file}: ${verdict}`);
  }
}

async function verdictOf(
  { file, expected }: GoldenFile,
  read: (path: string) => Promise<ReadonlyMap<string, Tensor>>,
): Promise<string> {
  let tensors: ReadonlyMap<string, Tensor>;
  try {
    tensors = await read(sharedPath(`golden/files/${file}`));
  } catch (error) {
    assert.ok(error instanceof TransportError, `${file}: ${error}`);
    return "error";
  }
  if (expected) {
    const golden = readSafetensors(Deno.readFileSync(sharedPath(`golden/files/${expected}`)));
    assert.deepEqual([...tensors.keys()].sort(), [...golden.tensors.keys()].sort(), file);
    for (const [name, t] of golden.tensors) assertSameTensor(tensors.get(name), t);
  }
  return "read";
}
