/**
 * CLIP's weights as the graph wants them: matrices turned, bytes for the 8-bit products, the
 * normalisation of pixels folded into the patch embedding, joint projections cut into heads. All
 * of it happens once, when the graph is written.
 *
 * @module
 */
import { derive, type LazyTensor, toFloat32, type WeightSource } from "@vcs/onnx";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import type { TowerWeights, VisionConfig } from "./weights.ts";

export { transposed as flipped } from "@vcs/onnx";

/** Rows `from` to `to` of a tensor, times a factor. */
export function rowsOf(weight: WeightSource, from: number, to: number, factor = 1): LazyTensor {
  const width = weight.shape.slice(1).reduce((a, b) => a * b, 1);
  const shape = [to - from, ...weight.shape.slice(1)];
  return derive([weight], shape, ([x]) => {
    const rows = x.slice(from * width, to * width);
    return factor === 1 ? rows : rows.map((v) => v * factor);
  });
}

/** Rows `[heads * size, in]` as one matrix for each head, `[heads, size, in]`. */
export function headRows(weight: WeightSource, heads: number): LazyTensor {
  const [rows, columns] = weight.shape as [number, number];
  return derive([weight], [heads, rows / heads, columns], ([x]) => x);
}

/** Rows `[heads * size, in]` as one matrix for each head, turned: `[heads, in, size]`. */
export function headColumns(weight: WeightSource, heads: number): LazyTensor {
  const [rows, columns] = weight.shape as [number, number];
  const size = rows / heads;
  return derive([weight], [heads, columns, size], ([x]) => {
    const out = new Float32Array(x.length);
    for (let r = 0; r < rows; r++) {
      const at = Math.floor(r / size) * columns * size + r % size;
      for (let c = 0; c < columns; c++) out[at + c * size] = x[r * columns + c]!;
    }
    return out;
  });
}

/** Largest magnitude of each row, over 127: the step of its 8-bit numbers. */
function rowSteps(x: Float32Array, rows: number): Float32Array {
  const width = x.length / rows;
  return Float32Array.from({ length: rows }, (_, r) => {
    let most = 0;
    for (let i = r * width; i < (r + 1) * width; i++) most = Math.max(most, Math.abs(x[i]!));
    return most === 0 ? 1 : most / 127;
  });
}

/** The step of each row's 8-bit numbers. */
export function steps(weight: WeightSource): LazyTensor {
  const rows = weight.shape[0]!;
  return derive([weight], [rows], ([x]) => rowSteps(x, rows));
}

/** A weight `[out, in]` as 8-bit numbers `[in, out]`. */
export function quantized(weight: WeightSource): LazyTensor {
  const [rows, columns] = weight.shape as [number, number];
  const read = async (): Promise<Tensor> => {
    const x = toFloat32("read" in weight ? await weight.read() : weight);
    const step = rowSteps(x, rows);
    const out = new Int8Array(x.length);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        out[c * rows + r] = Math.round(x[r * columns + c]! / step[r]!);
      }
    }
    return tensor("I8", [columns, rows], out);
  };
  return { dtype: "I8", shape: [columns, rows], read };
}

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
