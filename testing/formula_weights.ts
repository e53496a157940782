/**
 * Weights from a formula that Python scripts compute, too, so that no file holds them.
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { elementCount, type Tensor, tensor } from "@vcs/transport/tensor";

/** Shapes by name. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

const phaseOf = (name: string) =>
  Array.from(name).reduce((sum, letter) => sum + letter.codePointAt(0)!, 0);

/** The numbers that `values` of the scripts makes. */
export function valuesOf(name: string, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const phase = phaseOf(name);
  const form = /(gamma|lambda1)$/.test(name)
    ? (v: number) => v + 1
    : shape.length === 1 && name.endsWith("weight")
    ? (v: number) => 1 + 0.4 * v
    : shape.length === 1
    ? (v: number) => 0.2 * v
    : /pos|class|cls/.test(name)
    ? (v: number) => 2 * v
    : (v: number) => 4 * v / Math.sqrt(elementCount(shape.slice(1)));
  return Float32Array.from({ length: elementCount(shape) }, (_, i) => {
    const wave = Math.abs(Math.sin((i + 1) * 12.9898 + phase) * 43758.5453);
    return form(wave - Math.floor(wave) - 0.5);
  });
}

/** Tensors of such numbers. */
export function tensorsOf(shapes: Shapes): Record<string, Tensor> {
  const entries = Object.entries(shapes);
  return Object.fromEntries(
    entries.map(([name, shape]) => [name, tensor("F32", shape, valuesOf(name, shape))]),
  );
}

/** A checkpoint of such numbers. */
export function sourceOf(shapes: Shapes): TensorSource {
  const info = (name: string) => ({ dtype: "F32" as const, shape: shapes[name]! });
  return {
    names: Object.keys(shapes),
    has: (name) => name in shapes,
    info,
    read: (name) => {
      const { shape } = info(name);
      return Promise.resolve(tensor("F32", shape, valuesOf(name, shape)));
    },
  };
}
