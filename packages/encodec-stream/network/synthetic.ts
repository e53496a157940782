/**
 * Synthetic checkpoints: the names, shapes and sizes of the published ones, with values from a hash
 * in place of training. They sound like noise and serve tests and benchmarks without a download; the reference numbers for them were computed with the authors' own code.
 *
 * @example A full-size model of hashed weights
 * ```ts
 * import { syntheticCheckpoint } from "@vcs/encodec-stream/internal";
 * import assert from "node:assert/strict";
 *
 * const checkpoint = syntheticCheckpoint("encodec_48khz");
 * assert.equal(checkpoint.names.length, 224);
 * assert.deepEqual(checkpoint.info("encoder.model.0.conv.conv.weight").shape, [32, 2, 7]);
 * ```
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { type Tensor, tensor, type TensorInfo } from "@vcs/transport/tensor";
import { languageModelWeights, modelWeights } from "./layers.ts";
import { type ModelName, type ModelSpec, modelSpec } from "../models.ts";

/**
 * A number in [-0.5, 0.5) from two indices, the same on every machine.
 *
 * @param stream number of the tensor
 * @param element number of the element
 */
export function hashed(stream: number, element: number): number {
  let h = Math.imul(element + 1, 0x9e3779b1) + Math.imul(stream + 1, 0x85ebca77) | 0;
  h = Math.imul(h ^ h >>> 16, 0x21f0aaad);
  h = Math.imul(h ^ h >>> 15, 0x735a2d97);
  return ((h ^ h >>> 15) >>> 0) / 2 ** 32 - 0.5;
}

/** How a hashed number becomes a value: spread and middle. */
interface Rule {
  readonly spread: number;
  readonly middle: number;
}

function ruleFor(name: string, shape: readonly number[], elements: number): Rule {
  if (/(weight_g|norm\d?\.weight|norm_in\.weight|cluster_usage)$/.test(name)) {
    return { spread: 0.4, middle: 1 };
  }
  if (/(inited|initialized)$/.test(name)) return { spread: 0, middle: 1 };
  if (name.endsWith("bias") || name.includes(".bias_")) return { spread: 0.2, middle: 0 };
  if (/embed(_avg|_sum)?$/.test(name)) {
    return { spread: 2 * 0.9 ** Number(/layers\.(\d+)/.exec(name)?.[1]), middle: 0 };
  }
  if (name.endsWith("cluster_size")) return { spread: 1, middle: 0.5 };
  if (name.startsWith("emb.")) return { spread: 2, middle: 0 };
  return { spread: Math.sqrt(12) / Math.sqrt(elements / shape[0]!), middle: 0 };
}

function values(name: string, shape: readonly number[], stream: number): Tensor<"F32"> {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  const { spread, middle } = ruleFor(name, shape, data.length);
  for (let e = 0; e < data.length; e++) data[e] = middle + spread * hashed(stream, e);
  return tensor("F32", shape, data);
}

/** Which checkpoint: a model's own, or its language model's. */
export type CheckpointKind = "codec" | "language-model";

/**
 * A checkpoint of hashed values; tensors are computed when they are read.
 *
 * @param model name of the model, or its numbers
 * @param kind the codec itself, or the language model for entropy-coded files
 */
export function syntheticCheckpoint(
  model: ModelName | ModelSpec,
  kind: CheckpointKind = "codec",
): TensorSource {
  const spec = typeof model === "string" ? modelSpec(model) : model;
  const weights = kind === "codec" ? modelWeights(spec) : languageModelWeights(spec);
  const places = new Map(weights.map(([name, shape], stream) => [name, { shape, stream }]));
  const find = (name: string) => {
    const place = places.get(name);
    if (place) return place;
    throw new RangeError(`Cannot find tensor ${name}: ${spec.name} has no such tensor`);
  };
  return {
    names: [...places.keys()],
    has: (name) => places.has(name),
    info: (name): TensorInfo => ({ dtype: "F32", shape: find(name).shape }),
    read: (name) => {
      const { shape, stream } = find(name);
      return Promise.resolve(values(name, shape, stream));
    },
  };
}

/**
 * Test audio for a model: a tone per channel and hashed noise.
 *
 * @returns planar samples, shape [channels, length]
 */
export function syntheticAudio(model: ModelName, length: number): Float32Array {
  const { channels, sampleRate } = modelSpec(model);
  const samples = new Float32Array(channels * length);
  for (let i = 0; i < samples.length; i++) {
    const channel = Math.floor(i / length);
    const phase = 2 * Math.PI * 220 * (channel + 1) * (i % length) / sampleRate;
    samples[i] = 0.5 * Math.sin(phase) + 0.2 * hashed(1000, i);
  }
  return samples;
}
