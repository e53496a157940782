/**
 * Weights from the formula of `vits.py`.
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { elementCount, tensor } from "@vcs/transport/tensor";
import golden from "./vits.json" with { type: "json" };

const phaseOf = (name: string) =>
  Array.from(name).reduce((sum, letter) => sum + letter.codePointAt(0)!, 0);

/** The numbers that `values` of the script makes. */
export function valuesOf(name: string, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const phase = phaseOf(name);
  const form = name.endsWith("gamma")
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

/** A checkpoint of such numbers. */
export function sourceOf(shapes: Readonly<Record<string, readonly number[]>>): TensorSource {
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

/** Writes the small ViT with DINOv2's names into a folder; its path. */
export async function writeVit(folder: string): Promise<string> {
  const tensors = Object.entries(golden.dinov2.shapes).map(([name, shape]) =>
    [name, tensor("F32", shape, valuesOf(name, shape))] as const
  );
  const path = `${folder}/vit.safetensors`;
  await Deno.writeFile(path, encodeSafetensors(Object.fromEntries(tensors)));
  return path;
}
