/**
 * The weights of vq-tiny, which are bundled with this package, one compressed file for each half;
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
import { builtin } from "@vcs/transport/internal";
import { readSafetensors } from "@vcs/transport/safetensors";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import type { Half } from "../official/network.ts";
import { TINY_MODEL } from "./graph.ts";

/** Tensors by name. */
export type TinyTensors = { readonly [name: string]: Tensor };

/** Id of the decoder's weights, by which both ends of a stream know that they match. */
export const TINY_ID = "210ab5371d8453f4";

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
  const url = new URL(`../weights/vq_tiny_${half}.safetensors.gz`, import.meta.url);
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
  model("encoder", "39713e3544d6e2ee6ee29a21699a3d369b35863870b66b7b2ca17bc43173167a", 2_911_597),
  model("decoder", "c702bed40fc74815ce49cfe03d698e95ff4ba51b8d5f0ad1331c4c3b26be0d1e", 5_628_436),
]);

/**
 * The tensors of a half.
 *
 * @throws {OnnxError} if they are not on this machine and cannot be fetched.
 */
export async function tinyTensors(half: Half, options: ResolveOptions): Promise<TinyTensors> {
  const path = await TINY_WEIGHTS.resolve(`${TINY_MODEL}-${half}`, options);
  const bytes = builtin("node:zlib").gunzipSync(await Deno.readFile(path));
  return Object.fromEntries(readSafetensors(bytes).tensors);
}
