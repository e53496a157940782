/**
 * Weights of layers as graphs want them: bytes for the 8-bit products, joint projections cut into
 * heads, a norm's scale moved into the layer after it. All of it happens once, when the graph is
 * written.
 *
 * @module
 */
import { type Tensor, tensor } from "@vcs/transport/tensor";
import type { LazyTensor, WeightSource } from "./core.ts";
import { derive, toFloat32 } from "./weights.ts";

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

/** A weight that is kept while memory allows: several others are made of it, one after the other. */
function kept(weight: WeightSource): LazyTensor {
  let known: WeakRef<Tensor> | undefined;
  const read = async () => {
    const tensor = known?.deref() ?? ("read" in weight ? await weight.read() : weight);
    known = new WeakRef(tensor);
    return tensor;
  };
  return { dtype: weight.dtype, shape: weight.shape, read };
}

/** Form of 8-bit weights: with a sign, or without one and 128 for zero. */
export type WeightForm = "s8" | "u8";

/** A weight `[out, in]` as 8-bit numbers `[in, out]`, and the step of each of its rows. */
export function quantized(
  weight: WeightSource,
  form: WeightForm,
): { matrix: LazyTensor; steps: LazyTensor } {
  const [rows, columns] = weight.shape as [number, number];
  const source = kept(weight);
  const steps = derive([source], [rows], ([x]) => rowSteps(x, rows));
  const shape = [columns, rows];
  const [dtype, zero] = form === "s8" ? ["I8", 0] as const : ["U8", 128] as const;
  const read = async () => {
    const x = toFloat32(await source.read());
    const step = rowSteps(x, rows);
    const out = tensor(dtype, shape);
    const { data } = out;
    for (let r = 0; r < rows; r++) {
      const size = step[r]!;
      for (let c = 0, i = r * columns; c < columns; c++) {
        data[c * rows + r] = zero + Math.round(x[i++]! / size);
      }
    }
    return out;
  };
  return { matrix: { dtype, shape, read }, steps };
}

/** A layer: weight `[out, in]` and bias `[out]`. */
export interface Layer {
  /** Weight `[out, in]`. */
  readonly weight: WeightSource;
  /** Bias `[out]`. */
  readonly bias: WeightSource;
}

/** A layer norm: scale and shift of each channel. */
export interface Norm {
  /** Factor of each channel. */
  readonly scale: WeightSource;
  /** What is added to each channel. */
  readonly shift: WeightSource;
}

/** The root of the largest weight that each input channel meets after a norm's scale. */
function channelScales(norm: Float32Array, weight: Float32Array): Float32Array {
  const width = norm.length;
  const most = new Float32Array(width);
  for (let row = 0; row < weight.length; row += width) {
    for (let c = 0; c < width; c++) most[c] = Math.max(most[c]!, Math.abs(weight[row + c]!));
  }
  return most.map((x, c) => Math.sqrt(x * Math.abs(norm[c]!)) || 1);
}

/** A weight whose input channels are multiplied by factors. */
function scaledColumns(weight: Float32Array, factors: Float32Array): Float32Array {
  const out = new Float32Array(weight.length);
  for (let row = 0; row < out.length; row += factors.length) {
    for (let c = 0; c < factors.length; c++) out[row + c] = weight[row + c]! * factors[c]!;
  }
  return out;
}

/** `bias + weight · shift`. */
function shiftedBias(bias: Float32Array, weight: Float32Array, shift: Float32Array): Float32Array {
  return bias.map((sum, r) => {
    for (let c = 0; c < shift.length; c++) sum += weight[r * shift.length + c]! * shift[c]!;
    return sum;
  });
}

/**
 * Moves a norm's scale and shift into the layer after it and shares the scale of each channel
 * evenly between both, so that neither has channels that are much larger than the others (Xiao et
 * al. 2023, SmoothQuant, without looking at activations).
 *
 * @returns what remains of the norm's scale, and the layer
 */
export function foldNorm(
  norm: Norm,
  layer: Layer,
): Layer & { readonly scale: WeightSource } {
  const [rows, columns] = layer.weight.shape as [number, number];
  const weight = kept(layer.weight);
  const scale = kept(derive([norm.scale, weight], [columns], ([n, w]) => channelScales(n, w)));
  const folded = derive(
    [norm.scale, scale, weight],
    [rows, columns],
    ([n, s, w]) => scaledColumns(w, n.map((x, c) => x / s[c]!)),
  );
  const bias = derive(
    [layer.bias, weight, norm.shift],
    [rows],
    ([b, w, x]) => shiftedBias(b, w, x),
  );
  return { scale, weight: kept(folded), bias };
}
