/**
 * The graphs that the command runs, for `export`: the two halves of a network, for frames of one
 * size.
 *
 * @module
 */
import { NetworkWeights } from "@vcs/onnx/internal";
import type { ModelGraphs } from "@vcs/onnx/internal";
import { DownloadBar, type OptionValues } from "@vcs/transport/internal";
import { VideoCheckpoint } from "../official/checkpoint.ts";
import { VIDEO_MODELS } from "../models.ts";
import { WINDOW_FRAMES } from "../stream/windows.ts";
import { buildTinyDecoder, buildTinyEncoder, TINY_MODEL } from "../tiny/graph.ts";
import { tinyTensors } from "../tiny/weights.ts";
import type { EXPORT } from "./options.ts";

type Options = OptionValues<typeof EXPORT>;

/** The halves of the bundled network. */
const TINY_HALVES = { encoder: buildTinyEncoder, decoder: buildTinyDecoder };

/** Opens the graphs of the bundled network, or those of a checkpoint. */
export async function openGraphs(
  model: string,
  options: Options,
  signal: AbortSignal,
): Promise<ModelGraphs> {
  const tiny = (["encoder", "decoder"] as const)
    .filter((half) => model === TINY_MODEL || model === `${TINY_MODEL}-${half}`);
  if (tiny.length === 0) return await checkpointGraphs(model, options, signal);
  const { size: { width, height } } = options;
  const graphs = await Promise.all(tiny.map(async (half) => {
    const weights = NetworkWeights.of(await tinyTensors(half, { signal }));
    const graph = TINY_HALVES[half](height, width, (key, shape) => weights.get(key, shape));
    weights.check(`the ${half} of ${TINY_MODEL}`);
    return { name: `${TINY_MODEL}.${half}`, graph };
  }));
  return { graphs, [Symbol.dispose]: () => {} };
}

async function checkpointGraphs(
  model: string,
  { size, precision, parameters, allowClass }: Options,
  signal: AbortSignal,
): Promise<ModelGraphs> {
  using bar = new DownloadBar();
  const { onLine, onProgress } = bar;
  const path = await VIDEO_MODELS.resolve(model, { signal, onLine, onProgress });
  const checkpoint = await VideoCheckpoint.open(path, parameters, allowClass);
  const float = precision === "fp16" ? "F16" as const : "F32" as const;
  const frames = { ...size, frames: WINDOW_FRAMES };
  try {
    const graphs = (["encoder", "decoder"] as const).filter((half) => checkpoint.has(half))
      .map((half) => {
        const sizes = half === "encoder" ? frames : checkpoint.sized(half).latentSize(frames);
        const graph = checkpoint.build(half, sizes, { float });
        return { name: `${checkpoint.network.name}.${half}`, graph };
      });
    return { graphs, [Symbol.dispose]: () => checkpoint[Symbol.dispose]() };
  } catch (error) {
    checkpoint[Symbol.dispose]();
    throw error;
  }
}
