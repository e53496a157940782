/**
 * Cuts the kept patches out of the resized frames, and brings their values into the form asked
 * for.
 *
 * @module
 */
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { convertTensor } from "@vcs/transport/portable";
import type { Normalization, PatchStreamConfig } from "../config.ts";
import type { Grid } from "../sampling/grid.ts";

/** Element types of patches, as safetensors names them. */
const DTYPES = { bfloat16: "BF16", float16: "F16", float32: "F32" } as const;

/** The tensor of patches: bfloat16 as raw bits, or floats. */
export type PatchTensor = Tensor<"BF16" | "F16" | "F32">;

/** Mean and deviation of CLIP's training images, which ViTs of its family expect. */
const CLIP = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
} as const;

/** Form of the patches. */
export type PatchForm = Readonly<
  Required<Pick<PatchStreamConfig, "outputDtype" | "normalize" | "flatten">>
>;

/**
 * Gathers patches.
 *
 * @param frames resized frame of each position in the sequence, [targetH, targetW, 3], 0 to 255
 * @param indices linear patch indices over the sequence
 * @returns [K, 3, p, p], or [K, 3·p·p] where patches are flattened
 */
export function extractPatches(
  frames: readonly Float32Array[],
  grid: Grid,
  indices: Int32Array,
  form: PatchForm,
): PatchTensor {
  const { patchSize: size } = grid;
  const length = 3 * size * size;
  const values = new Float32Array(indices.length * length);
  const perFrame = grid.gridW * grid.gridH;
  const order = form.flatten === "hwc" ? copyPixels : copyPlanes;
  indices.forEach((index, n) => {
    const cell = index % perFrame;
    const y = Math.floor(cell / grid.gridW) * size;
    const x = cell % grid.gridW * size;
    const patch = values.subarray(n * length, (n + 1) * length);
    order(frames[Math.floor(index / perFrame)]!, 3 * (y * grid.targetW + x), grid, patch);
  });
  normalizeValues(values, size, form);
  const shape = form.flatten === "none" ? [3, size, size] : [length];
  return convertTensor(tensor("F32", [indices.length, ...shape], values), DTYPES[form.outputDtype]);
}

/** A patch as [p, p, 3]. */
function copyPixels(frame: Float32Array, from: number, grid: Grid, out: Float32Array): void {
  const row = 3 * grid.patchSize;
  for (let y = 0; y < grid.patchSize; y++) {
    const at = from + 3 * y * grid.targetW;
    out.set(frame.subarray(at, at + row), y * row);
  }
}

/** A patch as [3, p, p]. */
function copyPlanes(frame: Float32Array, from: number, grid: Grid, out: Float32Array): void {
  const { patchSize: size, targetW } = grid;
  let at = 0;
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) out[at++] = frame[from + 3 * (y * targetW + x) + c]!;
    }
  }
}

/** Scale and offset of each channel. */
function affine(normalize: Normalization): { scale: number[]; offset: number[] } | undefined {
  if (normalize === "none") return undefined;
  const { mean, std } = normalize === "clip"
    ? CLIP
    : normalize === "unit"
    ? { mean: [0, 0, 0], std: [1, 1, 1] }
    : normalize;
  return {
    scale: std.map((deviation) => 1 / (255 * deviation)),
    offset: mean.map((value, c) => -value / std[c]!),
  };
}

function normalizeValues(values: Float32Array, size: number, form: PatchForm): void {
  const change = affine(form.normalize);
  if (change === undefined) return;
  const { scale, offset } = change;
  const run = form.flatten === "hwc" ? 1 : size * size;
  for (let i = 0; i < values.length; i++) {
    const c = Math.floor(i / run) % 3;
    values[i] = values[i]! * scale[c]! + offset[c]!;
  }
}
