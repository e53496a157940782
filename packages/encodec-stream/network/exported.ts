/**
 * The graphs that the command runs, for `export`: those of a codec, and those of a language model.
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import type { ExportedGraph, ModelGraphs } from "@vcs/onnx/internal";
import { OnnxError } from "@vcs/onnx/errors";
import { DownloadBar } from "@vcs/transport/internal";
import { framesFor } from "../container/segments.ts";
import { languageModelNetwork } from "../lm/language_model.ts";
import { codebooksFor, MODEL_NAMES, type ModelSpec, modelSpec } from "../models.ts";
import { CODEC_MODELS } from "./catalog.ts";
import { isTiled, openWeights, servedName } from "./model_session.ts";
import {
  decoderConvNetwork,
  decoderRecurrentNetwork,
  encoderConvNetwork,
  encoderRecurrentNetwork,
  type Network,
} from "./networks.ts";

/** Numbers of codebooks that files may have. */
function codebookCounts(spec: ModelSpec): number[] {
  return [...new Set(spec.bandwidths.map((bandwidth) => codebooksFor(spec, bandwidth)))];
}

/** Graphs by their own names, which are the ends of theirs on a server. */
function named(model: string, networks: readonly Network[]): ExportedGraph[] {
  return networks.map(({ graph }) => ({ name: `${model}.${graph.name}`, graph }));
}

/** The graphs of a codec: an encoder for each number of codebooks, and those of full segments. */
export function codecGraphs(spec: ModelSpec, source: TensorSource): ExportedGraph[] {
  const model = servedName(spec, "codec");
  const general = named(model, [
    encoderConvNetwork(spec, source),
    ...codebookCounts(spec).map((count) => encoderRecurrentNetwork(spec, source, count)),
    decoderRecurrentNetwork(spec, source),
    decoderConvNetwork(spec, source),
  ]);
  if (!isTiled(spec)) return general;
  const { length } = spec.segmentation;
  const tiled = named(model, [
    encoderConvNetwork(spec, source, length),
    decoderConvNetwork(spec, source, framesFor(spec, length)),
  ]);
  return [...general, ...tiled.map(({ name, graph }) => ({ name: `${name}_segment`, graph }))];
}

/** The graphs of a codec's language model: one for each number of codebooks. */
export function languageModelGraphs(spec: ModelSpec, source: TensorSource): ExportedGraph[] {
  const { languageModel } = spec;
  if (languageModel === undefined) return [];
  const complete = { ...spec, languageModel };
  return named(
    servedName(spec, "language-model"),
    codebookCounts(spec).map((count) => languageModelNetwork(complete, source, count)),
  );
}

/**
 * Opens the graphs of a codec or of a language model.
 *
 * @throws {OnnxError} `model-unknown`, or where the weights cannot be had.
 */
export async function openGraphs(model: string, signal: AbortSignal): Promise<ModelGraphs> {
  const specs = MODEL_NAMES.map(modelSpec);
  const codec = specs.find(({ name }) => name === model);
  const owner = codec ?? specs.find((s) => s.languageModel?.checkpoint.name === model);
  if (owner === undefined) {
    const names = CODEC_MODELS.models.map(({ name }) => name);
    throw new OnnxError(
      "model-unknown",
      `Cannot export ${model}: expected one of ${names.join(", ")}`,
    );
  }
  using bar = new DownloadBar();
  const { onLine, onProgress } = bar;
  const kind = codec ? "codec" : "language-model";
  const weights = await openWeights(owner, kind, { resolve: { signal, onLine, onProgress } });
  const graphsOf = codec ? codecGraphs : languageModelGraphs;
  return {
    graphs: graphsOf(owner, weights.source),
    [Symbol.dispose]: () => weights[Symbol.dispose](),
  };
}
