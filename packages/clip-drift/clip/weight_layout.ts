/**
 * CLIP's image weights as the graph wants them: the normalisation of pixels folded into the patch
 * embedding. All of it happens once, when the graph is written.
 *
 * @module
 */
import { derive, type LazyTensor, type WeightSource } from "@vcs/onnx";
import type { TowerWeights, VisionConfig } from "./weights.ts";

/** The patch embedding `[width, bytes]` over a patch's bytes in row order, over 255 std. */
export function patchRows(conv: WeightSource, patch: number, std: readonly number[]): LazyTensor {
  const area = patch * patch;
  return derive([conv], [conv.shape[0]!, area * 3], ([w]) => {
    const out = new Float32Array(w.length);
    for (let i = 0; i < w.length; i++) {
      const plane = Math.floor(i / area);
      const o = Math.floor(plane / 3);
      const c = plane % 3;
      out[(o * area + i % area) * 3 + c] = w[i]! / (255 * std[c]!);
    }
    return out;
  });
}

/** What is added to all tokens: positions, the class token, and the mean seen by each patch. */
export function tokenOffsets(
  { get, config }: TowerWeights<VisionConfig>,
  mean: readonly number[],
  std: readonly number[],
): LazyTensor {
  const { width, patchSize } = config;
  const area = patchSize ** 2;
  const sources = [
    get("conv1.weight"),
    get("class_embedding"),
    get("positional_embedding"),
  ] as const;
  return derive(sources, sources[2].shape, ([conv, classToken, positions]) => {
    const out = Float32Array.from(positions);
    for (let o = 0; o < width; o++) {
      let shift = 0;
      for (let i = 0; i < area * 3; i++) {
        const c = Math.floor(i / area);
        shift += conv[o * area * 3 + i]! * (mean[c]! / std[c]!);
      }
      out[o]! += classToken[o]!;
      for (let t = width; t < out.length; t += width) out[t + o]! -= shift;
    }
    return out;
  });
}
