/**
 * The graphs that the command runs, for `export`: CLIP's towers, and GIST.
 *
 * @module
 */
import { openCheckpoint, type TensorSource } from "@vcs/onnx/checkpoint";
import type { ExportedGraph, ModelGraphs } from "@vcs/onnx/internal";
import { defined, DownloadBar, type OptionValues, UsageError } from "@vcs/transport/internal";
import { type ClipGraphOptions, textGraph, visionGraph } from "../clip/graph.ts";
import { CLIP_MODELS, servedName } from "../clip/models.ts";
import { findClipWeights } from "../clip/weights.ts";
import { gistGraph } from "../measures/gist.ts";
import type { EXPORT } from "./options.ts";

type Options = OptionValues<typeof EXPORT>;

/** Opens the graphs of a model: by name, path, URL or `hf:owner/name/file`. */
export async function openGraphs(
  model: string,
  options: Options,
  signal: AbortSignal,
): Promise<ModelGraphs> {
  if (model === "gist") {
    return { graphs: [{ name: "gist", graph: gistGraph() }], [Symbol.dispose]: () => {} };
  }
  using bar = new DownloadBar();
  const { onLine, onProgress } = bar;
  const path = await CLIP_MODELS.resolve(model, { signal, onLine, onProgress });
  const entry = CLIP_MODELS.find(model);
  const activation = options.activation ?? entry?.activation;
  if (activation === undefined) {
    throw new UsageError(
      `Cannot export ${model}: nothing names its activation, expected --activation`,
    );
  }
  const checkpoint = await openCheckpoint(path, { allowGlobals: options.allowClass });
  const { precision } = options;
  const settings = { activation, precision, ...defined({ mean: entry?.mean, std: entry?.std }) };
  try {
    const graphs = clipGraphs(servedName(entry?.name ?? model), checkpoint, settings);
    return { graphs, [Symbol.dispose]: () => checkpoint.close() };
  } catch (error) {
    checkpoint.close();
    throw error;
  }
}

/** Both towers of a checkpoint; the text tower is never in 8 or 16 bits. */
export function clipGraphs(
  name: string,
  source: TensorSource,
  settings: ClipGraphOptions,
): ExportedGraph[] {
  const { vision, text } = findClipWeights(source);
  const { activation, precision } = settings;
  // The scales of int8 are those of all that is in one run.
  const batch = precision === "int8" ? { maxBatch: 1 } : {};
  const towers = [{ name: `${name}.vision`, graph: visionGraph(vision, settings), ...batch }];
  if (text === undefined) return towers;
  return [...towers, { name: `${name}.text`, graph: textGraph(text, { activation }) }];
}
