/**
 * The names that Hugging Face's transformers gives to EnCodec's weights: the same tensors as in the
 * authors' checkpoints.
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import type { ModelSpec } from "../models.ts";
import { modelWeights } from "./layers.ts";

/** The name of a tensor in transformers. */
export function transformersName(original: string): string {
  return original
    .replace(/^(encoder|decoder)\.model\./, "$1.layers.")
    .replace(/\.(conv|convtr)\.\1\./, ".conv.")
    .replace(/\.(conv|convtr)\.norm\./, ".norm.")
    .replace(/^quantizer\.vq\.layers\.(\d+)\._codebook\./, "quantizer.layers.$1.codebook.");
}

/** The same in files of PyTorch 2.1 and later, whose weight norm is a parametrisation. */
function parametrized(name: string): string {
  return name.replace(/\.weight_g$/, ".parametrizations.weight.original0")
    .replace(/\.weight_v$/, ".parametrizations.weight.original1");
}

/** A checkpoint under the authors' names, whichever it has. */
export function originalNames(spec: ModelSpec, source: TensorSource): TensorSource {
  const renamed = new Map<string, string>();
  for (const [name] of modelWeights(spec)) {
    const known = transformersName(name);
    const found = [known, parametrized(known)].find((other) => source.has(other));
    if (!source.has(name) && found !== undefined) renamed.set(name, found);
  }
  if (renamed.size === 0) return source;
  const inFile = (name: string) => renamed.get(name) ?? name;
  return {
    names: [...source.names, ...renamed.keys()],
    has: (name) => source.has(inFile(name)),
    info: (name) => source.info(inFile(name)),
    read: (name) => source.read(inFile(name)),
  };
}
