/**
 * The graphs that the command runs, for `export`: the networks' towers, and GIST.
 *
 * @module
 */
import { stateDict } from "@vcs/onnx";
import { openCheckpoint, type TensorSource } from "@vcs/onnx/checkpoint";
import type { ExportedGraph, ModelGraphs } from "@vcs/onnx/internal";
import { defined, DownloadBar, type OptionValues, UsageError } from "@vcs/transport/internal";
import type { Activation, ClipGraphOptions } from "../clip/graph.ts";
import { gistGraph } from "../measures/gist.ts";
import { isGist } from "../measures/gist_names.ts";
import { ENCODER_MODELS, servedName } from "../vit/models.ts";
import { kindOf } from "../vit/registry.ts";
import { vitGraph } from "../vit/vit.ts";
import type { EXPORT } from "./options.ts";

type Options = OptionValues<typeof EXPORT>;

/** Opens the graphs of a model: by name, path, URL or `hf:owner/name/file`. */
export async function openGraphs(
  model: string,
  options: Options,
  signal: AbortSignal,
): Promise<ModelGraphs> {
  if (isGist(model)) {
    return { graphs: [{ name: model, graph: gistGraph(model) }], [Symbol.dispose]: () => {} };
  }
  using bar = new DownloadBar();
  const { onLine, onProgress } = bar;
  const path = await ENCODER_MODELS.resolve(model, { signal, onLine, onProgress });
  const entry = ENCODER_MODELS.find(model);
  const checkpoint = await openCheckpoint(path, { allowGlobals: options.allowClass });
  try {
    const source = stateDict(checkpoint);
    const activation = activationOf(model, kindOf(source).name, options);
    const training = { activation, ...defined({ mean: entry?.mean, std: entry?.std }) };
    const settings = { ...training, precision: options.precision };
    const graphs = networkGraphs(servedName(entry?.name ?? model), source, settings);
    return { graphs, [Symbol.dispose]: () => checkpoint.close() };
  } catch (error) {
    checkpoint.close();
    throw error;
  }
}

/** The activation of CLIP that is asked for, else the one that its entry names. */
function activationOf(model: string, kind: string, { activation }: Options): Activation {
  const known = activation ?? ENCODER_MODELS.find(model)?.activation;
  if (kind !== "CLIP" && activation !== undefined) {
    throw new UsageError(`Cannot export ${model}: ${kind} has one activation, found --activation`);
  }
  if (known !== undefined || kind !== "CLIP") return known ?? "gelu";
  throw new UsageError(
    `Cannot export ${model}: nothing names its activation, expected --activation`,
  );
}

/** The towers of a checkpoint; the text tower is never in 8 or 16 bits. */
export function networkGraphs(
  name: string,
  source: TensorSource,
  settings: ClipGraphOptions,
): ExportedGraph[] {
  const { vit, graph, text } = kindOf(source);
  // The scales of int8 are those of all that is in one run.
  const batch = settings.precision === "int8" ? { maxBatch: 1 } : {};
  const image = vitGraph(graph, vit(source, settings), settings);
  const texts = text?.graph(source, settings.activation);
  const towers = [{ name: `${name}.vision`, graph: image, ...batch }];
  return texts === undefined ? towers : [...towers, { name: `${name}.text`, graph: texts }];
}
