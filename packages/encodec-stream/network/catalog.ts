/**
 * The published checkpoints of the models, by name: `models.ts` says where each is and what it must
 * be, the layers say which tensors it has.
 *
 * @module
 */
import { type CatalogOptions, type Model, ModelCatalog } from "@vcs/onnx/store";
import { languageModelWeights, modelWeights, type WeightShape } from "./layers.ts";
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { originalNames, transformersName } from "./transformers_names.ts";
import { MODEL_NAMES, type ModelName, type ModelSpec, modelSpec, TINY_MODEL } from "../models.ts";

/** What only training needs, and our own file is without. */
const TRAINING = /\.(inited|cluster_size|embed_avg)$/;

/** The tensors in the file of a codec. */
function codecWeights(spec: ModelSpec): WeightShape[] {
  const all = modelWeights(spec);
  if (spec.tensorNames === "transformers") {
    return all.map(([name, shape]) => [transformersName(name), shape]);
  }
  return spec.name === TINY_MODEL ? all.filter(([name]) => !TRAINING.test(name)) : all;
}

/** A file that others made, under the names of the published one. */
function renamed(spec: ModelSpec, file: TensorSource): TensorSource {
  const own = originalNames(spec, file);
  if (own === file || spec.tensorNames !== "transformers") return own;
  const natives = new Map(modelWeights(spec).map(([name]) => [transformersName(name), name]));
  const nameOf = (name: string) => natives.get(name) ?? name;
  return {
    names: [...natives.keys()],
    has: (name) => own.has(nameOf(name)),
    info: (name) => own.info(nameOf(name)),
    read: (name) => own.read(nameOf(name)),
  };
}

function withTensors(
  checkpoint: Model | undefined,
  weights: () => readonly WeightShape[],
): Model[] {
  return checkpoint ? [{ ...checkpoint, tensors: () => Promise.resolve(new Map(weights())) }] : [];
}

/** The catalogue of some models: their own checkpoints, and those of their language models. */
export function codecCatalog(
  specs: readonly ModelSpec[],
  options: CatalogOptions = {},
): ModelCatalog {
  const codecs = specs.flatMap((spec) =>
    withTensors(spec.checkpoint, () => codecWeights(spec))
      .map((model) => ({ ...model, renamed: (file: TensorSource) => renamed(spec, file) }))
  );
  const languageModels = specs.flatMap((spec) =>
    withTensors(spec.languageModel?.checkpoint, () => languageModelWeights(spec))
  );
  return new ModelCatalog([...codecs, ...languageModels], options);
}

/** The published models and their language models, and the small one of this package. */
export const CODEC_MODELS: ModelCatalog = codecCatalog(MODEL_NAMES.map(modelSpec));

/**
 * The model to use if nothing is to be fetched: the one asked for if its weights are on this
 * machine, else the small one that is bundled with this package.
 */
export async function availableModel(wanted: ModelName): Promise<ModelName> {
  return await CODEC_MODELS.findLocal(wanted) ? wanted : TINY_MODEL;
}
