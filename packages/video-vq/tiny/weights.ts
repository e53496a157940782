/**
 * The weights of vq-tiny, which are bundled with this package, one file for each half;
 * `models/train/vq_tiny.py` of the repository trains them.
 *
 * @module
 */
import {
  type Model,
  ModelCatalog,
  packageFile,
  type ResolveOptions,
  type TensorShapes,
} from "@vcs/onnx/store";
import { readSafetensors } from "@vcs/transport/safetensors";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import type { Half } from "../official/network.ts";
import { TINY_MODEL } from "./graph.ts";

/** Tensors by name. */
export type TinyTensors = { readonly [name: string]: Tensor };

/** Id of the decoder's weights, by which both ends of a stream know that they match. */
export const TINY_ID = "9ce45ce4d9ec02b1";

/** The tensors that a half's graph asks for. */
async function shapesOf(half: Half): Promise<TensorShapes> {
  const { buildTinyDecoder, buildTinyEncoder } = await import("./graph.ts");
  const shapes = new Map<string, readonly number[]>();
  const build = half === "encoder" ? buildTinyEncoder : buildTinyDecoder;
  build(8, 8, (name, shape) => {
    shapes.set(name, shape);
    return { dtype: "F32", shape, read: () => Promise.resolve(tensor("F32", shape)) };
  });
  return shapes;
}

/** A half as a model. */
function model(half: Half, sha256: string, bytes: number): Model {
  const url = new URL(`../weights/vq_tiny_${half}.safetensors`, import.meta.url);
  return {
    name: `${TINY_MODEL}-${half}`,
    aliases: [],
    about: `The ${half} of ${TINY_MODEL}, our own small video tokenizer`,
    bytes,
    files: [packageFile(url, sha256, bytes)],
    tensors: () => shapesOf(half),
  };
}

/** Both halves. */
export const TINY_WEIGHTS: ModelCatalog = new ModelCatalog([
  model("encoder", "c3dd3591874f62795d6d880d3b54ae6cb06169a0f4dd616fc8b27515035607ef", 3_709_422),
  model("decoder", "44a33ba82c834594bdc21b321758102fe7505566aae5abd949a70e3f06cfd90c", 7_165_080),
]);

/**
 * The tensors of a half.
 *
 * @throws {OnnxError} if they are not on this machine and cannot be fetched.
 */
export async function tinyTensors(half: Half, options: ResolveOptions): Promise<TinyTensors> {
  const path = await TINY_WEIGHTS.resolve(`${TINY_MODEL}-${half}`, options);
  return Object.fromEntries(readSafetensors(await Deno.readFile(path)).tensors);
}
