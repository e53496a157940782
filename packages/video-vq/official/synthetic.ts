/**
 * Checkpoints of random weights in the real network's layout: small ones for tests, full-size
 * ones for measuring speed without the authors' file. Their output is
 * noise, but it is the same noise everywhere.
 *
 * @module
 */
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { elementCount, type Tensor, tensor } from "@vcs/transport/tensor";
import type { NetworkConfig } from "../magvit/config.ts";
import { networkShapes } from "../magvit/network.ts";

/** A network that runs in a moment: 1.5 million parameters in place of 370 million. */
export const SMALL_NETWORK: NetworkConfig = {
  colors: 3,
  latentChannels: 18,
  channels: [32, 32, 32, 32],
  blocks: 1,
};

/**
 * Makes a safetensors file of random weights: kernels uniform by their number of inputs, so that
 * signals neither vanish nor grow, norms near one, biases near zero.
 */
export function syntheticCheckpoint(
  config: NetworkConfig = SMALL_NETWORK,
  seed = 1,
): Uint8Array<ArrayBuffer> {
  const next = uniform(seed);
  const tensors: Record<string, Tensor> = {};
  for (const [key, shape] of networkShapes(config)) {
    const values = new Float32Array(elementCount(shape));
    const reach = shape.length === 1 ? 0.1 : Math.sqrt(3 / elementCount(shape.slice(1)));
    const centre = shape.length === 1 && key.endsWith("weight") ? 1 : 0;
    for (let i = 0; i < values.length; i++) values[i] = centre + reach * (2 * next() - 1);
    tensors[key] = tensor("F32", shape, values);
  }
  return encodeSafetensors(tensors, { format: "pt" });
}

/** Numbers in [0, 1) from a 32-bit linear congruential generator's upper bits. */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}
