/**
 * The names that weights have in the files of others: those of EnCodec and Mimi in Hugging Face's
 * transformers, those of DAC in Descript's own files, where kernels are under weight norm, too.
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { foldWeightNorm, type LazyTensor } from "@vcs/onnx/graph";
import type { ModelSpec } from "../models.ts";
import { EcdcError } from "../errors.ts";
import { isDac } from "./dac.ts";
import { isMimi } from "./mimi.ts";
import { modelWeights } from "./layers.ts";

/** The name of a tensor in transformers. */
export function transformersName(original: string): string {
  return original
    .replace(/^(encoder|decoder)\.model\./, "$1.layers.")
    .replace(/\.(conv|convtr)\.\1\./, ".conv.")
    .replace(/\.(conv|convtr)\.norm\./, ".norm.")
    .replace(/^quantizer\.vq\.layers\.(\d+)\._codebook\./, "quantizer.layers.$1.codebook.");
}

/** The same in files of PyTorch 2.1 and later, whose weight norm is a parametrisation. */
function parametrized(name: string): string {
  return name.replace(/\.weight_g$/, ".parametrizations.weight.original0")
    .replace(/\.weight_v$/, ".parametrizations.weight.original1");
}

/** Places in a residual unit of Descript's modules. */
const UNIT = ["snake1", "conv1", "snake2", "conv2"];

/** What follows the number of a stage in Descript's files: its units are `first` and the next two. */
function inStage(rest: string, first: number, own: readonly string[]): string {
  const [, unit, part, kind] = /^res_unit(\d)\.(\w+)(.*)$/.exec(rest) ?? [];
  if (unit) return `block.${first + Number(unit) - 1}.block.${UNIT.indexOf(part!)}${kind}`;
  const [name = "", ...more] = rest.split(".");
  return [`block.${own.indexOf(name) + (first === 0 ? 3 : 0)}`, ...more].join(".");
}

/** The name in Descript's files of a tensor of DAC, by its name in transformers. */
export function descriptName(name: string, { strides }: ModelSpec): string {
  const [, half = "", rest = ""] = /^(encoder|decoder)\.(.*)$/.exec(name) ?? [];
  if (!half) return name;
  const list = half === "encoder" ? "encoder.block" : "decoder.model";
  const [, stage, inside] = /^block\.(\d+)\.(.*)$/.exec(rest) ?? [];
  if (stage) {
    const place = half === "encoder"
      ? inStage(inside!, 0, ["snake1", "conv1"])
      : inStage(inside!, 2, ["snake1", "conv_t1"]);
    return `${list}.${Number(stage) + 1}.${place}`;
  }
  const [layer, ...more] = rest.split(".");
  const at = { conv1: 0, snake1: strides.length + 1, conv2: strides.length + 2 }[layer!];
  return [list, at, ...more].join(".");
}

/** Descript's checkpoint of DAC under the names and as the kernels that transformers' has. */
function descriptSource(spec: ModelSpec, source: TensorSource): TensorSource {
  const lazy = (name: string): LazyTensor => ({
    ...{ dtype: source.info(name).dtype, shape: source.info(name).shape },
    read: () => source.read(name),
  });
  const tensors = new Map<string, LazyTensor>();
  for (const [name] of modelWeights(spec)) {
    const known = descriptName(name, spec);
    const isNormed = source.has(`${known}_g`) && source.has(`${known}_v`);
    if (isNormed) tensors.set(name, foldWeightNorm(lazy(`${known}_g`), lazy(`${known}_v`)));
    else if (source.has(known)) tensors.set(name, lazy(known));
  }
  const find = (name: string): LazyTensor => tensors.get(name) ?? lazy(name);
  return {
    names: [...tensors.keys()],
    has: (name) => tensors.has(name),
    info: (name) => find(name),
    read: (name) => find(name).read(),
  };
}

/** A tensor of Mimi that has this name in Kyutai's own files alone. */
const KYUTAI = "quantizer.rvq_first.input_proj.weight";

/**
 * A checkpoint under the names of the model's table, whichever it has.
 *
 * @throws {EcdcError} `bad-checkpoint` for Kyutai's own files of Mimi, whose tensors are arranged
 * otherwise.
 */
export function originalNames(spec: ModelSpec, source: TensorSource): TensorSource {
  if (isMimi(spec) && source.has(KYUTAI)) {
    throw new EcdcError(
      "bad-checkpoint",
      "Cannot use the weights of mimi: found Kyutai's own file (tokenizer-….safetensors), expected " +
        "that of transformers, hf:kyutai/mimi/model.safetensors",
    );
  }
  if (isDac(spec) && source.has("encoder.block.0.weight_v")) return descriptSource(spec, source);
  const renamed = new Map<string, string>();
  for (const [name] of modelWeights(spec)) {
    const known = transformersName(name);
    const found = [known, parametrized(known)].find((other) => source.has(other));
    if (!source.has(name) && found !== undefined) renamed.set(name, found);
  }
  if (renamed.size === 0) return source;
  const inFile = (name: string) => renamed.get(name) ?? name;
  return {
    names: [...source.names, ...renamed.keys()],
    has: (name) => source.has(inFile(name)),
    info: (name) => source.info(inFile(name)),
    read: (name) => source.read(inFile(name)),
  };
}
