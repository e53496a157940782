/**
 * Whether this processor multiplies bytes without and with a sign exactly. Those without VNNI
 * (AVX2, AVX-512 before Cascade Lake) add pairs of such products in 16 bits, where they saturate
 * (microsoft/onnxruntime#14642); products of two bytes without a sign are exact everywhere.
 *
 * @example Which weights are both exact and fast here?
 * ```ts
 * import { hasExactSignedProducts } from "@vcs/onnx/internal";
 * import assert from "node:assert/strict";
 *
 * const form = await hasExactSignedProducts() ? "s8" : "u8";
 * assert.match(form, /^[su]8$/);
 * ```
 *
 * @module
 */
import { tensor } from "@vcs/transport/tensor";
import type { DeviceOptions } from "../devices.ts";
import { GraphBuilder } from "../graph.ts";
import { findLibrary } from "./library.ts";
import { modelBytes } from "../graph/model.ts";
import { Session } from "../session.ts";

/** Rows, products in a sum, and columns: enough that the kernels of large matrices run. */
const [ROWS, TERMS, COLUMNS] = [4, 64, 16];
const [LARGEST_UNSIGNED, LARGEST_SIGNED] = [255, 127];

/** Sums of the largest products that there are, computed on the CPU. */
async function largestSums(library: string): Promise<Int32Array> {
  const g = new GraphBuilder("byte-products");
  const x = g.input("x", "U8", [ROWS, TERMS]);
  const weights = new Int8Array(TERMS * COLUMNS).fill(LARGEST_SIGNED);
  const w = g.constant("w", tensor("I8", [TERMS, COLUMNS], weights));
  g.output("y", g.op("MatMulInteger", [x, w], {}, { dtype: "I32", shape: [ROWS, COLUMNS] }));
  using session = await Session.open(await modelBytes(g), { device: "cpu", threads: 1, library });
  const bytes = new Uint8Array(ROWS * TERMS).fill(LARGEST_UNSIGNED);
  const { y } = await session.run({ x: tensor("U8", [ROWS, TERMS], bytes) });
  return y!.data as Int32Array;
}

async function computesExactly(library: string): Promise<boolean> {
  const sums = await largestSums(library);
  return sums.every((sum) => sum === TERMS * LARGEST_UNSIGNED * LARGEST_SIGNED);
}

const known = new Map<string, Promise<boolean>>();

/**
 * Whether ONNX Runtime's products of unsigned with signed bytes are exact on this CPU: the largest
 * ones are computed, once per library.
 *
 * @throws {OnnxError} `library-missing` or `library-version` where ONNX Runtime cannot be loaded.
 */
export async function hasExactSignedProducts(options: DeviceOptions = {}): Promise<boolean> {
  const library = await findLibrary(options.library);
  const found = known.get(library) ?? computesExactly(library);
  known.set(library, found);
  return await found;
}
