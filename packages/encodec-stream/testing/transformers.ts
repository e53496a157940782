/**
 * What Hugging Face's transformers, Descript's and Kyutai's own packages make of small models, as the
 * programs `testdata/make_….py` wrote it.
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { readSafetensors } from "@vcs/transport/safetensors";
import assert from "node:assert/strict";
import {
  completeSpec,
  type ModelEntry,
  type ModelName,
  type ModelSpec,
  modelSpec,
} from "../models.ts";

/** Sizes of the weights in `testdata`. */
const SMALL = {
  ...{ filters: 4, latent: 8, strides: [4, 2], sampleRate: 800 },
  ...{ codebooks: 4, codebookSize: 32, checkpoint: undefined },
};

/** How the models in `testdata` cut audio. */
export const SEGMENTS = {
  encodec_24khz: undefined,
  encodec_48khz: { length: 800, stride: 792 },
  encodec_32khz: { length: 960_000, stride: 960_000 },
  dac_44khz: { length: 80_000, stride: 80_000 },
  mimi: undefined,
};

/** Sizes of DAC, which are others. */
const SMALL_DAC = {
  ...{ filters: 2, latent: 8, strides: [4, 2], sampleRate: 800, codebooks: 3, codebookSize: 32 },
  ...{ checkpoint: undefined, dac: { decoderWidth: 12, codeWidth: 4 } },
};

/** Sizes of Mimi, with a window that is shorter than a chunk. */
const SMALL_MIMI = {
  ...{ filters: 4, latent: 16, strides: [4, 2], sampleRate: 800, codebooks: 4, codebookSize: 32 },
  ...{ bandwidths: [0.5, 1], checkpoint: undefined },
  mimi: {
    ...{ layers: 2, heads: 2, feedForward: 24, window: 12 },
    ...{ frameFeatures: 2, codeWidth: 8, semanticCodebooks: 1 },
  },
};

const SIZES: { readonly [name: string]: Partial<ModelEntry> } = {
  dac_44khz: SMALL_DAC,
  mimi: SMALL_MIMI,
};

/** Whose package made it. */
export type Maker = "transformers" | "descript" | "moshi";

/** The weights of a model in `testdata`, and what the reference makes of them. */
export async function golden(name: ModelName, made: Maker = "transformers") {
  const file = new URL(`../testdata/${made}_${name}.safetensors`, import.meta.url);
  const { tensors } = readSafetensors(await Deno.readFile(file));
  const get = (key: string) => {
    const found = tensors.get(key);
    assert.ok(found, key);
    return found;
  };
  const source: TensorSource = {
    names: [...tensors.keys()],
    has: (key) => tensors.has(key),
    info: get,
    read: (key) => Promise.resolve(get(key)),
  };
  return { source, get: (key: string) => get(`golden.${key}`) };
}

/** The numbers of a model in `testdata`. */
export function small(name: keyof typeof SEGMENTS): ModelSpec {
  const sizes = SIZES[name] ?? SMALL;
  return completeSpec({ ...modelSpec(name), ...sizes, segmentation: SEGMENTS[name] });
}

/** Rows of a tensor's last axis. */
export function rows(
  data: ArrayLike<number | bigint>,
  length: number,
): Float32Array<ArrayBuffer>[] {
  const all = Float32Array.from(data as ArrayLike<number>, Number);
  return Array.from(
    { length: all.length / length },
    (_, i) => all.slice(i * length, (i + 1) * length),
  );
}

/** The largest difference of two signals where both are. */
export function difference(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? value))), 0);
}
