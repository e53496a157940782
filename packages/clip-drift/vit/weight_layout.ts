/**
 * Image weights as the graph wants them: the normalisation of pixels folded into the patch embedding.
 * All of it happens once, when the graph is written.
 *
 * @module
 */
import { derive, type LazyTensor, type WeightSource } from "@vcs/onnx";
import { tensor } from "@vcs/transport/tensor";
import { positionsFor } from "./positions.ts";
import type { Vit } from "./vit.ts";

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

/** What each output of a patch embedding makes of a patch of the mean's colour. */
function shiftsOf(
  conv: Float32Array,
  { width, patchSize, mean, std }: Vit,
): Float64Array {
  const area = patchSize ** 2;
  return Float64Array.from({ length: width }, (_, o) => {
    let shift = 0;
    for (let i = 0; i < area * 3; i++) {
      const c = Math.floor(i / area);
      shift += conv[o * area * 3 + i]! * (mean[c]! / std[c]!);
    }
    return shift;
  });
}

/**
 * What is added to all tokens, `[tokens, width]`: positions of the patches, the class token where
 * there is one, the patch embedding's bias, and the mean seen by each patch.
 */
export function tokenOffsets(vit: Vit): LazyTensor {
  const { width, imageSize, patchSize, first } = vit;
  const side = imageSize / patchSize;
  const begin = first === undefined ? 0 : width;
  const none = tensor("F32", [width]);
  const sources = [vit.conv, vit.bias ?? none, first ?? none, vit.positions] as const;
  return derive(sources, [begin / width + side ** 2, width], ([conv, bias, token, table]) => {
    const positions = positionsFor(table, vit.grid, { rows: side, columns: side });
    const shifts = shiftsOf(conv, vit);
    const out = new Float32Array(begin + positions.length);
    out.set(token.subarray(0, begin));
    positions.forEach((x, i) => out[begin + i] = x + (bias[i % width]! - shifts[i % width]!));
    return out;
  });
}
