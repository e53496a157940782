/**
 * A ViT-B/32 visual tower of full size with the weights that open_clip gives it before training:
 * the distributions of `open_clip/transformer.py` (`VisionTransformer.__init__`, which leaves its
 * blocks as PyTorch makes them) from a seeded generator. Layers `Linear` and `Conv2d` are uniform
 * within 1/√in, biases too; `MultiheadAttention` has Xavier's uniform bounds and no biases;
 * embeddings and projection are normal with a deviation of 1/√width; norms are 1 and 0.
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { elementCount, type Tensor, tensor } from "@vcs/transport/tensor";

const [WIDTH, LAYERS, PATCH, TOKENS, EMBEDDING] = [768, 12, 32, 50, 512];

/** Shape of a tensor, and how it is filled. */
interface Recipe {
  readonly shape: readonly number[];
  readonly fill: { readonly uniform: number } | { readonly normal: number } | {
    readonly value: number;
  };
}

const linear = (shape: readonly number[], inputs: number): Recipe => ({
  shape,
  fill: { uniform: 1 / Math.sqrt(inputs) },
});
const embedding = (shape: readonly number[]): Recipe => ({
  shape,
  fill: { normal: 1 / Math.sqrt(WIDTH) },
});
const constant = (size: number, value: number): Recipe => ({ shape: [size], fill: { value } });

/** Tensors of a block, which all blocks have. */
const BLOCK: Readonly<Record<string, Recipe>> = {
  "ln_1.weight": constant(WIDTH, 1),
  "ln_1.bias": constant(WIDTH, 0),
  "attn.in_proj_weight": {
    shape: [3 * WIDTH, WIDTH],
    fill: { uniform: Math.sqrt(6 / (4 * WIDTH)) },
  },
  "attn.in_proj_bias": constant(3 * WIDTH, 0),
  "attn.out_proj.weight": linear([WIDTH, WIDTH], WIDTH),
  "attn.out_proj.bias": constant(WIDTH, 0),
  "ln_2.weight": constant(WIDTH, 1),
  "ln_2.bias": constant(WIDTH, 0),
  "mlp.c_fc.weight": linear([4 * WIDTH, WIDTH], WIDTH),
  "mlp.c_fc.bias": linear([4 * WIDTH], WIDTH),
  "mlp.c_proj.weight": linear([WIDTH, 4 * WIDTH], 4 * WIDTH),
  "mlp.c_proj.bias": linear([WIDTH], 4 * WIDTH),
};

/** All tensors by open_clip's names. */
function recipes(): Map<string, Recipe> {
  const all = new Map<string, Recipe>([
    ["visual.conv1.weight", linear([WIDTH, 3, PATCH, PATCH], 3 * PATCH * PATCH)],
    ["visual.class_embedding", embedding([WIDTH])],
    ["visual.positional_embedding", embedding([TOKENS, WIDTH])],
    ["visual.proj", embedding([WIDTH, EMBEDDING])],
  ]);
  for (const norm of ["ln_pre", "ln_post"]) {
    all.set(`visual.${norm}.weight`, constant(WIDTH, 1));
    all.set(`visual.${norm}.bias`, constant(WIDTH, 0));
  }
  for (let i = 0; i < LAYERS; i++) {
    for (const [name, recipe] of Object.entries(BLOCK)) {
      all.set(`visual.transformer.resblocks.${i}.${name}`, recipe);
    }
  }
  return all;
}

/** Uniform numbers within a bound, from the name: a fast generator, as there are 87 million. */
function uniform(name: string, out: Float32Array, bound: number): Float32Array {
  let state = [...name].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 16777619), 2166136261) | 1;
  for (let i = 0; i < out.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[i] = state * (bound / 2 ** 31);
  }
  return out;
}

/** Normal numbers (Box and Muller). */
function normal(name: string, out: Float32Array, deviation: number): Float32Array {
  const u = uniform(name, new Float32Array(2 * out.length), 1);
  return out.map((_, i) => {
    const radius = Math.sqrt(-2 * Math.log(Math.abs(u[2 * i]!)));
    return deviation * radius * Math.cos(Math.PI * u[2 * i + 1]!);
  });
}

function fill(name: string, { shape, fill }: Recipe): Tensor<"F32"> {
  const data = new Float32Array(elementCount(shape));
  if ("uniform" in fill) return tensor("F32", shape, uniform(name, data, fill.uniform));
  if ("normal" in fill) return tensor("F32", shape, normal(name, data, fill.normal));
  return tensor("F32", shape, data.fill(fill.value));
}

/** Channels that trained transformers might have as outliers: a few of each norm. */
const OUTLIERS = [7, 131, 300, 421, 588, 702];

/** Norms, and the layers that follow them, whose weights undo the norm's scale. */
const SCALED = /\.ln_[12]\.(weight|bias)$/;
const UNSCALED = /\.(attn\.in_proj_weight|mlp\.c_fc\.weight)$/;

/**
 * The tower's weights as a checkpoint.
 *
 * @param scale what the outlier channels of every block's norms are multiplied by, and the next
 * layer's weights divided by: in real numbers the tower stays the same
 */
export function openClipWeights(scale = 1): TensorSource {
  const all = recipes();
  const read = (name: string): Promise<Tensor> => {
    const weight = fill(name, all.get(name)!);
    const factor = SCALED.test(name) ? scale : UNSCALED.test(name) ? 1 / scale : 1;
    for (let row = 0; factor !== 1 && row < weight.data.length; row += WIDTH) {
      for (const channel of OUTLIERS) weight.data[row + channel]! *= factor;
    }
    return Promise.resolve(weight);
  };
  return {
    names: [...all.keys()],
    has: (name) => all.has(name),
    info: (name) => ({ dtype: "F32", shape: all.get(name)!.shape }),
    read,
  };
}
