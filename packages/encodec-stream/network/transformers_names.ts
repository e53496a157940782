/**
 * The names that weights have in the files of others: those of EnCodec and Mimi in Hugging Face's
 * transformers, those of DAC in Descript's own files, where kernels are under weight norm, and those
 * of Mimi in Kyutai's own, where a layer's queries, keys and values are one matrix.
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { derive, foldWeightNorm, type LazyTensor } from "@vcs/onnx/graph";
import type { MimiSpec, ModelSpec } from "../models.ts";
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

/** A tensor of a file, read when it is needed. */
function lazy(source: TensorSource, name: string): LazyTensor {
  const { dtype, shape } = source.info(name);
  return { dtype, shape, read: () => source.read(name) };
}

/** A file whose tensors are arranged otherwise, under the names of the model's table. */
function arranged(
  spec: ModelSpec,
  source: TensorSource,
  find: (name: string) => LazyTensor | undefined,
): TensorSource {
  const tensors = new Map<string, LazyTensor>();
  for (const [name] of modelWeights(spec)) {
    const tensor = find(name);
    if (tensor) tensors.set(name, tensor);
  }
  const get = (name: string): LazyTensor => tensors.get(name) ?? lazy(source, name);
  return {
    names: [...tensors.keys()],
    has: (name) => tensors.has(name),
    info: get,
    read: (name) => get(name).read(),
  };
}

/** Descript's checkpoint of DAC under the names and as the kernels that transformers' has. */
function descriptSource(spec: ModelSpec, source: TensorSource): TensorSource {
  return arranged(spec, source, (name) => {
    const known = descriptName(name, spec);
    const [size, direction] = [`${known}_g`, `${known}_v`];
    if (source.has(size) && source.has(direction)) {
      return foldWeightNorm(lazy(source, size), lazy(source, direction));
    }
    return source.has(known) ? lazy(source, known) : undefined;
  });
}

/** A tensor of Mimi that has this name in Kyutai's own files alone. */
const KYUTAI = "quantizer.rvq_first.input_proj.weight";

/** What in transformers' names is called otherwise in Kyutai's. */
const KYUTAI_NAMES: readonly (readonly [RegExp, string])[] = [
  [/^(en|de)coder_transformer\./, "$&transformer."],
  [/\.o_proj\./, ".out_proj."],
  [/\.mlp\.fc([12])\./, ".linear$1."],
  [/\.input_layernorm\./, ".norm1."],
  [/\.post_attention_layernorm\./, ".norm2."],
  [/\.self_attn_layer_scale\./, ".layer_scale_1."],
  [/\.mlp_layer_scale\./, ".layer_scale_2."],
  [/^downsample\.conv\./, "$&conv.conv."],
  [/^upsample\.conv\./, "upsample.convtr.convtr.convtr."],
  [/\.semantic_residual_vector_quantizer\./, ".rvq_first."],
  [/\.acoustic_residual_vector_quantizer\./, ".rvq_rest."],
  [/\.(layers\.\d+)\.codebook\./, ".vq.$1._codebook."],
  [/\.embed_sum$/, ".embedding_sum"],
  [/\.initialized$/, "._initialized"],
];

/** The name in Kyutai's files of a tensor of Mimi, by its name in transformers. */
export function kyutaiName(name: string): string {
  return KYUTAI_NAMES.reduce((known, [from, to]) => known.replace(from, to), name);
}

/** The name in the modules of Kyutai's package, which takes files with either. */
function inModules(name: string): string {
  return name.replace(/\.in_proj_weight$/, ".in_projs.0.weight")
    .replace(/\.out_proj\.weight$/, ".out_projs.0.weight");
}

/**
 * Queries, keys or values of a layer's joined matrix. Of the first two, real and imaginary parts of
 * what positions turn are neighbours there, and halves of a head in transformers.
 */
function attentionPart(
  joined: LazyTensor,
  part: string,
  { latent, mimi: { heads } }: ModelSpec & { readonly mimi: MimiSpec },
): LazyTensor {
  const first = ["q", "k", "v"].indexOf(part) * latent;
  const width = latent / heads;
  const rowOf = (row: number) => {
    const at = row % width;
    const turned = 2 * at < width ? 2 * at : 2 * at - width + 1;
    return first + (part === "v" ? row : row - at + turned);
  };
  return derive(
    [joined],
    [latent, latent],
    ([x]) =>
      Float32Array.from(
        { length: latent * latent },
        (_, i) => x[rowOf(Math.floor(i / latent)) * latent + i % latent]!,
      ),
  );
}

/** Kyutai's checkpoint of Mimi under the names and as the matrices that transformers' has. */
function kyutaiSource(
  spec: ModelSpec & { readonly mimi: MimiSpec },
  source: TensorSource,
): TensorSource {
  const find = (name: string) => {
    const known = [name, inModules(name)].find((other) => source.has(other));
    return known === undefined ? undefined : lazy(source, known);
  };
  return arranged(spec, source, (name) => {
    const [, layer, part] = /^(.*\.self_attn)\.([qkv])_proj\.weight$/.exec(name) ?? [];
    if (!layer || !part) return find(kyutaiName(name));
    const joined = find(`${kyutaiName(layer)}.in_proj_weight`);
    return joined && attentionPart(joined, part, spec);
  });
}

/** A checkpoint under the names of the model's table, whichever it has. */
export function originalNames(spec: ModelSpec, source: TensorSource): TensorSource {
  if (isMimi(spec) && source.has(KYUTAI)) return kyutaiSource(spec, source);
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
