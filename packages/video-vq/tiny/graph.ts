/**
 * vq-tiny, a small video tokenizer of our own, as ONNX graphs. Its contract is that of
 * Open-MAGVIT2's: 17 frames in, 18 signs for each of 5×H/8×W/8 positions out, and back.
 *
 * Time goes in groups: frame 0 alone, then four frames each. A group is a batch entry of a 2-D
 * network on blocks of 4×4 pixels, and 1×1 convolutions over a group and the two before and after
 * it carry what moves: a window is coded whole, so that what stands still in it has the bits of all
 * its groups. Seven values of a position are rounded to steps, whose Gray codes are the bits; their
 * signs are found, and undone, inside the graphs. The description follows `models/train/vq_tiny.py`, whose names the weights have.
 *
 * @module
 */
import { float, GraphBuilder, type Value } from "@vcs/onnx/graph";
import { tensor } from "@vcs/transport/tensor";
import type { WeightOf } from "../official/network.ts";
import type { LatentLimits } from "../stream/window_limits.ts";

/** Name by which the model is chosen. */
export const TINY_MODEL = "vq-tiny";

/** Frames of a window. */
export const TINY_FRAMES = 17;

/** Bits of a token in planes: seven values have the two highest, three a third, one a fourth. */
const PLANES = [7, 7, 3, 1];
const VALUES = 7;
const BITS = 18;

/** Frame 0 alone and four groups of four. */
const GROUPS = 5;

/** The groups that are looked at together with each: so many back, or on. */
const NEAR = [0, 1, 2, -1, -2];

/** Channels from which on the weights of all pairs of groups would take more memory than they save. */
const MANY_CHANNELS = 128;

/** The latents that the decoder takes. */
export const TINY_LATENT: LatentLimits = { channels: BITS, frames: [GROUPS, GROUPS], scale: 8 };

/** Widths of the two levels and the number of their blocks. */
interface Sizes {
  readonly fine: number;
  readonly fineBlocks: number;
  readonly coarse: number;
  readonly coarseBlocks: number;
}

/**
 * Positions around a place on which a half depends: one for each 3×3 convolution of the coarse level,
 * half a one for each of the fine level, two of which are a block.
 */
function marginOf(
  { fineBlocks, coarseBlocks }: Sizes,
  fineEnds: number,
  coarseEnds: number,
): number {
  return Math.ceil(coarseEnds + 2 * coarseBlocks + (fineEnds + 2 * fineBlocks) / 2);
}

const ENCODER: Sizes = { fine: 64, fineBlocks: 1, coarse: 160, coarseBlocks: 3 };
const DECODER: Sizes = { fine: 80, fineBlocks: 2, coarse: 192, coarseBlocks: 4 };

/** Positions around a place beyond which nothing changes what a half makes of it. */
export const TINY_MARGINS = { encoder: marginOf(ENCODER, 1, 0), decoder: marginOf(DECODER, 1, 1) };

/**
 * Builds the encoder: `frames` F32 [1, 3, 17, H, W] of −1 to 1 in, `latent` F32
 * [1, 18, 5, H/8, W/8] out, whose signs are the tokens.
 *
 * @param height rows of a frame, a multiple of 8
 * @param width columns of a frame, a multiple of 8
 * @throws {RangeError} for another size.
 */
export function buildTinyEncoder(height: number, width: number, weightOf: WeightOf): GraphBuilder {
  checkTinySize(height, width);
  const g = new GraphBuilder("vq_tiny_encoder");
  const net = new Layers(g, weightOf);
  const { fine, fineBlocks, coarse, coarseBlocks } = ENCODER;
  const frames = g.input("frames", "F32", [1, 3, TINY_FRAMES, height, width]);

  const inTime = g.transpose(frames, [0, 2, 1, 3, 4]);
  const first = g.slice(inTime, 1, 0, 1);
  const filled = g.concat([first, first, first, inTime], 1);
  let x = g.reshape(filled, [GROUPS, 12, height, width]);
  x = net.convOfBlocks(x, "conv_in", fine, 3, 4);
  x = net.stage(x, "fine", fineBlocks);
  x = net.convOfBlocks(x, "down", coarse, 1, 2);
  x = net.stage(x, "coarse", coarseBlocks);
  x = valuesToBits(g, g.tanh(net.conv(x, "conv_out", VALUES, 1)));
  g.output("latent", g.unsqueeze(g.transpose(x, [1, 0, 2, 3]), [0]));
  return g;
}

/**
 * Builds the decoder: `quant` F32 [1, 18, 5, H/8, W/8] of ±1 in, `frames` F32 [1, 3, 17, H, W]
 * out, about −1 to 1 and not cut to it.
 *
 * @param height rows of a frame, a multiple of 8
 * @param width columns of a frame, a multiple of 8
 * @throws {RangeError} for another size.
 */
export function buildTinyDecoder(height: number, width: number, weightOf: WeightOf): GraphBuilder {
  checkTinySize(height, width);
  const g = new GraphBuilder("vq_tiny_decoder");
  const net = new Layers(g, weightOf);
  const { fine, fineBlocks, coarse, coarseBlocks } = DECODER;
  const quant = g.input("quant", "F32", [1, BITS, GROUPS, height / 8, width / 8]);

  let x = bitsToValues(g, g.transpose(g.squeeze(quant, [0]), [1, 0, 2, 3]));
  x = net.conv(x, "conv_in", coarse, 3);
  x = net.stage(x, "coarse", coarseBlocks);
  x = net.channelsToBlocks(net.conv(x, "up", 4 * fine, 1), 2);
  x = net.stage(x, "fine", fineBlocks);
  x = net.channelsToBlocks(net.conv(x, "conv_out", 192, 3), 4);
  const filled = g.transpose(g.reshape(x, [1, 20, 3, height, width]), [0, 2, 1, 3, 4]);
  g.output("frames", g.slice(filled, 2, 3));
  return g;
}

/**
 * Checks the size of a frame.
 *
 * @throws {RangeError} if a side is no multiple of 8.
 */
export function checkTinySize(height: number, width: number): void {
  if (height % 8 === 0 && width % 8 === 0 && height > 0 && width > 0) return;
  throw new RangeError(
    `Cannot build vq-tiny: found frames of ${width}x${height}, each side must be a multiple of 8`,
  );
}

/** Values [5, 7, h, w] of −1 to 1 → [5, 18, h, w], whose signs are the Gray codes, plane by plane. */
function valuesToBits(g: GraphBuilder, values: Value): Value {
  const planes: Value[] = [];
  for (const [i, count] of PLANES.entries()) {
    const plane = g.slice(values, 1, 0, count);
    planes.push(plane);
    values = g.sub(g.abs(plane), 2 ** -(i + 1));
  }
  return g.concat(planes, 1);
}

/** Signs [5, 18, h, w] of ±1 → values [5, 7, h, w], each the middle of its step. */
function bitsToValues(g: GraphBuilder, bits: Value): Value {
  const planes = g.split(bits, 1, PLANES);
  return planes.reduceRight<Value | undefined>((lower, signs, i) => {
    const step = 2 ** -(i + 1);
    return g.mul(signs, lower ? g.add(widened(g, lower, PLANES[i]!), step) : step);
  }, undefined)!;
}

/** Zeros after the channels there are, up to a number of them. */
function widened(g: GraphBuilder, x: Value, channels: number): Value {
  const none: readonly [number, number] = [0, 0];
  return g.pad(x, [none, [0, channels - Number(x.shape[1])], none, none]);
}

/** The layers that both halves are made of. */
class Layers {
  constructor(readonly g: GraphBuilder, readonly weightOf: WeightOf) {}

  conv(x: Value, key: string, outputs: number, kernel: 1 | 3): Value {
    const [weight, bias] = this.#weights(key, [outputs, Number(x.shape[1]), kernel, kernel]);
    return this.g.conv(x, weight, bias, { pads: (kernel - 1) / 2 });
  }

  /**
   * A convolution over blocks of b×b pixels as channels (PyTorch's pixel_unshuffle), as one over
   * pixels: with a larger kernel and steps, it moves no pixels first, which took a fifth of the time.
   */
  convOfBlocks(x: Value, key: string, outputs: number, kernel: 1 | 3, b: number): Value {
    const inputs = Number(x.shape[1]);
    const [weight, bias] = this.#weights(key, [outputs, inputs * b * b, kernel, kernel]);
    const parts = this.g.reshape(weight, [outputs, inputs, b, b, kernel, kernel]);
    const spread = this.g.transpose(parts, [0, 1, 4, 2, 5, 3]);
    const wide = this.g.reshape(spread, [outputs, inputs, kernel * b, kernel * b]);
    return this.g.conv(x, wide, bias, { stride: b, pads: b * (kernel - 1) / 2 });
  }

  #weights(key: string, shape: readonly number[]): [weight: Value, bias: Value] {
    const weight = this.g.weight(`${key}.weight`, this.weightOf(`${key}.weight`, shape));
    const bias = this.weightOf(`${key}.bias`, shape.slice(0, 1));
    return [weight, this.g.weight(`${key}.bias`, bias)];
  }

  /** Residual blocks, each followed by a look at the groups before and after. */
  stage(x: Value, key: string, blocks: number): Value {
    for (let i = 0; i < blocks; i++) x = this.#block(x, `${key}.${i}`);
    return x;
  }

  #block(x: Value, key: string): Value {
    const channels = Number(x.shape[1]);
    const inner = this.conv(this.#leakyRelu(x), `${key}.conv1`, channels, 3);
    const y = this.g.add(x, this.conv(this.#leakyRelu(inner), `${key}.conv2`, channels, 3));
    const time = `${key}.time.conv`;
    return this.g.add(
      y,
      channels < MANY_CHANNELS
        ? this.#overTime(y, time)
        : this.conv(this.#near(y, key), time, channels, 1),
    );
  }

  #leakyRelu(x: Value): Value {
    return this.g.op("LeakyRelu", [x], { alpha: float(0.1) }, x);
  }

  /** [5, C, H, W] → [5, 5·C, H, W]: each group and the two on either side, zeros where there is none. */
  #near(x: Value, key: string): Value {
    const [groups, c, h, w] = x.shape.map(Number) as [number, number, number, number];
    const none: readonly [number, number] = [0, 0];
    const padded = this.g.pad(x, [[1, 0], none, none, none]);
    const placeOf = (group: number) => group >= 0 && group < groups ? group + 1 : 0;
    const places = Array.from({ length: groups }, (_, i) => NEAR.map((back) => placeOf(i - back)));
    const indices = BigInt64Array.from(places.flat(), BigInt);
    const table = this.g.constant(`${key}.places`, tensor("I64", [groups, NEAR.length], indices));
    return this.g.reshape(this.g.gather(padded, table), [groups, NEAR.length * c, h, w]);
  }

  /**
   * A 1×1 convolution over each group and the two on either side. All groups are channels of one
   * convolution, whose weights for two groups are those of how far they are apart: no group is copied,
   * which large frames with few channels gain by.
   */
  #overTime(x: Value, key: string): Value {
    const [groups, c, h, w] = x.shape.map(Number) as [number, number, number, number];
    const none: readonly [number, number] = [0, 0];
    const [weight, bias] = this.#weights(key, [c, NEAR.length * c, 1, 1]);
    const parts = this.g.transpose(this.g.reshape(weight, [c, NEAR.length, c]), [1, 0, 2]);
    const padded = this.g.pad(parts, [[1, 0], none, none]);
    const all = Array.from({ length: groups }, (_, group) => group);
    const places = all.flatMap((to) => all.map((from) => NEAR.indexOf(to - from) + 1));
    const indices = tensor("I64", [groups, groups], BigInt64Array.from(places, BigInt));
    const pairs = this.g.gather(padded, this.g.constant(`${key}.places`, indices));
    const wide = this.g.reshape(this.g.transpose(pairs, [0, 2, 1, 3]), [
      groups * c,
      groups * c,
      1,
      1,
    ]);
    const biases = this.g.concat(all.map(() => bias), 0);
    const together = this.g.reshape(x, [1, groups * c, h, w]);
    return this.g.reshape(this.g.conv(together, wide, biases), x.shape);
  }

  /** [N, C·b², H, W] → [N, C, b·H, b·W], PyTorch's pixel_shuffle. */
  channelsToBlocks(x: Value, b: number): Value {
    const [n, c, h, w] = x.shape.map(Number) as [number, number, number, number];
    const shape = [n, c / (b * b), h * b, w * b];
    return this.g.op("DepthToSpace", [x], { blocksize: b, mode: "CRD" }, { dtype: x.dtype, shape });
  }
}
