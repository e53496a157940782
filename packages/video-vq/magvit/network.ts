/**
 * Open-MAGVIT2's video tokenizer, encoder and decoder, as ONNX graphs. The description follows
 * the authors' classes (TencentARC/SEED-Voken, `improved_model.py` of the video tokenizer); keys
 * are those of their checkpoint. There is no attention: causal 3×3×3 convolutions, GroupNorm
 * over the whole window, and swish.
 *
 * @module
 */
import { GraphBuilder, type Value } from "@vcs/onnx/graph";
import type { Tensor } from "@vcs/transport/tensor";
import type { LatentLimits } from "../stream/window_limits.ts";
import { WINDOW_FRAMES } from "../stream/windows.ts";
import { firstKey, inferConfig, type NetworkConfig } from "./config.ts";
import {
  ANY_SIZE,
  type ClipSize,
  type NetworkOptions,
  type VideoNetwork,
  type WeightOf,
} from "../official/network.ts";
import { type Steps, type VideoOps, videoOps } from "../official/video_ops.ts";

/** The network as everything that runs it sees it. */
export const MAGVIT: VideoNetwork = {
  name: "open-magvit2-video",
  title: "Open-MAGVIT2 video",
  firstKey,
  sized(half, shapeOf) {
    const config = inferConfig(shapeOf, half);
    const make = half === "encoder" ? buildEncoder : buildDecoder;
    return {
      config,
      latent: latentLimits(config),
      fullWindows: false,
      latentSize: (size) => latentSize(config, size),
      build: (size, weightOf, options) => make(config, size, weightOf, options),
    };
  },
};

/** Level 0 is halved in space only, the others in time too. */
function stepsOf(level: number): Steps {
  return [level === 0 ? 1 : 2, 2, 2];
}

/** Size of the latent of a clip. */
function latentSize(config: NetworkConfig, { frames, height, width }: ClipSize): ClipSize {
  const levels = config.channels.length - 1;
  const unit = 2 ** levels;
  if (height % unit !== 0 || width % unit !== 0 || frames < 1 || height < unit || width < unit) {
    throw new RangeError(
      `Cannot build the video tokenizer: found frames of ${width}x${height}, each side must be a multiple of ${unit}`,
    );
  }
  const perToken = 2 ** (levels - 1);
  return {
    frames: Math.floor((frames - 1) / perToken) + 1,
    height: height / unit,
    width: width / unit,
  };
}

/** The latents of windows that the decoder of a network takes. */
function latentLimits(config: NetworkConfig): LatentLimits {
  const scale = 2 ** (config.channels.length - 1);
  const { frames } = latentSize(config, { frames: WINDOW_FRAMES, height: scale, width: scale });
  return { channels: config.latentChannels, frames: [1, frames], scale };
}

/**
 * Builds the encoder: `frames` F32 [1, 3, T, H, W] in, `latent` F32 [1, C, T′, H′, W′] out.
 *
 * @param weightOf gives the tensor of a key such as `encoder.conv_in.conv_1.weight`
 */
export function buildEncoder(
  config: NetworkConfig,
  size: ClipSize,
  weightOf: WeightOf,
  options: NetworkOptions = {},
): GraphBuilder {
  latentSize(config, size);
  const g = new GraphBuilder("encoder", { float: options.float ?? "F32" });
  const ops = videoOps(g, weightOf, options.form ?? "planes");
  const net = new Layers(g, ops, weightOf, config.blocks);
  const frames = g.input("frames", "F32", [1, config.colors, size.frames, size.height, size.width]);
  const last = config.channels.length - 1;

  let x = ops.conv(ops.enter(frames), "encoder.conv_in.conv_1", config.channels[0]!);
  for (const [level, channels] of config.channels.entries()) {
    x = net.blocks(x, `encoder.down.${level}.block`, channels);
    if (level === last) break;
    const key = `encoder.down.${level}.downsample.conv_1`;
    x = ops.conv(x, key, channels, { steps: stepsOf(level), bias: true });
  }
  x = net.blocks(x, "encoder.mid_block", config.channels[last]!);
  x = net.swish(net.groupNorm(x, "encoder.norm_out"));
  x = ops.conv(x, "encoder.conv_out.conv_1", config.latentChannels, { kernel: 1, bias: true });
  g.output("latent", ops.leave(x));
  return g;
}

/**
 * Builds the decoder: `quant` F32 [1, C, T′, H′, W′] of ±1 in, `frames` F32 [1, 3, T, H, W] out,
 * about −1 to 1 and not cut to it.
 *
 * @param size of the latent
 * @param weightOf gives the tensor of a key such as `decoder.conv_in.conv_1.weight`
 * @throws {RangeError} if the latent has only one position: the network's adaptive norm takes
 * the unbiased variance over positions.
 */
export function buildDecoder(
  config: NetworkConfig,
  size: ClipSize,
  weightOf: WeightOf,
  options: NetworkOptions = {},
): GraphBuilder {
  const positions = size.frames * size.height * size.width;
  if (positions < 2) {
    throw new RangeError(
      `Cannot build the decoder: found ${positions} latent position, the adaptive norm takes the variance of 2 or more`,
    );
  }
  const g = new GraphBuilder("decoder", { float: options.float ?? "F32" });
  const ops = videoOps(g, weightOf, options.form ?? "planes");
  const net = new Layers(g, ops, weightOf, config.blocks);
  const shape = [1, config.latentChannels, size.frames, size.height, size.width];
  const quant = g.input("quant", "F32", shape);
  const style = net.style(quant, positions);
  const top = config.channels.at(-1)!;

  let x = ops.conv(ops.enter(quant), "decoder.conv_in.conv_1", top, { bias: true });
  x = net.blocks(x, "decoder.mid_block", top);
  for (const [level, channels] of [...config.channels.entries()].reverse()) {
    x = net.adaptiveNorm(x, style, `decoder.adaptive.${level}`);
    x = net.blocks(x, `decoder.up.${level}.block`, channels);
    if (level > 0) x = net.upsample(x, `decoder.up.${level}.upsample.conv1.conv_1`, level - 1);
  }
  x = net.swish(net.groupNorm(x, "decoder.norm_out"));
  x = ops.conv(x, "decoder.conv_out.conv_1", config.colors, { bias: true });
  g.output("frames", ops.leave(x));
  return g;
}

/** Shapes of all tensors of a network, by key, encoder first. */
export function networkShapes(config: NetworkConfig): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  const note = (key: string, shape: readonly number[]): Tensor => {
    shapes.set(key, shape);
    return { dtype: "F32", shape, data: new Float32Array(0) };
  };
  buildEncoder(config, ANY_SIZE, note);
  buildDecoder(config, ANY_SIZE, note);
  return shapes;
}

/** Mean and spread (of the unbiased variance) of each channel of the latent, [1, C]. */
interface Style {
  readonly mean: Value;
  readonly spread: Value;
}

/** The layers that both halves are made of. */
class Layers {
  constructor(
    readonly g: GraphBuilder,
    readonly ops: VideoOps,
    readonly weightOf: WeightOf,
    readonly count: number,
  ) {}

  swish(x: Value): Value {
    return this.g.mul(x, this.g.sigmoid(x));
  }

  groupNorm(x: Value, key: string): Value {
    const row = (name: string) => {
      return this.g.weight(name, this.weightOf(name, [Number(x.shape[1])]));
    };
    return this.ops.norm(x, row(`${key}.weight`), row(`${key}.bias`));
  }

  /** A level's residual blocks; the first brings the channels to their number. */
  blocks(x: Value, key: string, channels: number): Value {
    for (let i = 0; i < this.count; i++) x = this.#residual(x, `${key}.${i}`, channels);
    return x;
  }

  /** The skip passes through a 1×1×1 convolution if the number of channels changes. */
  #residual(x: Value, key: string, channels: number): Value {
    const { ops } = this;
    const first = this.swish(this.groupNorm(x, `${key}.norm1`));
    const y = ops.conv(first, `${key}.conv1.conv_1`, channels);
    const second = this.swish(this.groupNorm(y, `${key}.norm2`));
    const skip = x.shape[1] === channels
      ? x
      : ops.conv(x, `${key}.nin_shortcut.conv_1`, channels, { kernel: 1 });
    return this.g.add(skip, ops.conv(second, `${key}.conv2.conv_1`, channels));
  }

  /** Upsampling in time makes two frames of the first; the second of these is dropped. */
  upsample(x: Value, key: string, level: number): Value {
    const steps = stepsOf(level);
    const channels = Number(x.shape[1]) * steps[0] * steps[1] * steps[2];
    const wide = this.ops.depthToSpace(this.ops.conv(x, key, channels, { bias: true }), steps);
    return steps[0] === 1 ? wide : this.ops.withoutFrame(wide, 1);
  }

  style(quant: Value, positions: number): Style {
    const { g } = this;
    const mean = g.mean(quant, [2, 3, 4]);
    const apart = g.sub(quant, mean);
    const sum = g.sum(g.mul(apart, apart), [2, 3, 4], false);
    const spread = g.sqrt(g.add(g.div(sum, positions - 1), 1e-6));
    return { mean: g.toFloat(g.squeeze(mean, [2, 3, 4])), spread: g.toFloat(spread) };
  }

  /** A norm whose scale and shift follow from the latent's own statistics. */
  adaptiveNorm(x: Value, style: Style, key: string): Value {
    const channels = Number(x.shape[1]);
    const scale = this.#linear(style.spread, `${key}.gamma`, channels);
    const shift = this.#linear(style.mean, `${key}.beta`, channels);
    return this.ops.norm(x, scale, shift);
  }

  #linear(x: Value, key: string, outputs: number): Value {
    const { g } = this;
    const inputs = Number(x.shape[1]);
    const weight = g.weight(`${key}.weight`, this.weightOf(`${key}.weight`, [outputs, inputs]));
    const bias = g.weight(`${key}.bias`, this.weightOf(`${key}.bias`, [outputs]));
    const shape = [1, outputs];
    return g.op("Gemm", [x, weight, bias], { transB: 1 }, { dtype: x.dtype, shape });
  }
}
