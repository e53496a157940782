/**
 * VidTok's causal tokenizers with finite scalar quantization (FSQ), encoder and decoder, as ONNX
 * graphs. The description follows the authors' classes (microsoft/VidTok, `model_3dcausal.py` and
 * `regularizers.py`, their version 1.0); keys are those of their checkpoints. Residual blocks
 * alternate between space and time, norms see the channels of one position, and in the middle each
 * frame attends to itself.
 *
 * A latent position has six values, each rounded to one of eight steps: digits of base 8 of which
 * the code is made, lowest first, and so 18 bits. The bits are made, and undone, inside the graphs,
 * so that tokens are signs as Open-MAGVIT2's are, and the authors' indices are the tokens' indices.
 *
 * @module
 */
import { GraphBuilder, type Value } from "@vcs/onnx/graph";
import type { Tensor } from "@vcs/transport/tensor";
import {
  ANY_SIZE,
  type ClipSize,
  type Half,
  type NetworkOptions,
  type VideoNetwork,
  type WeightOf,
} from "../official/network.ts";
import type { LatentLimits } from "../stream/window_limits.ts";
import { WINDOW_FRAMES } from "../stream/windows.ts";
import { firstKey, inferConfig, STEPS, type VidtokConfig } from "./config.ts";
import { VidtokLayers } from "./layers.ts";

/** The network as everything that runs it sees it. */
export const VIDTOK: VideoNetwork = {
  name: "vidtok-fsq",
  title: "VidTok",
  firstKey,
  sized(half, shapeOf) {
    const config = inferConfig(shapeOf, half);
    const make = half === "encoder" ? buildVidtokEncoder : buildVidtokDecoder;
    return {
      config,
      latent: latentLimits(config),
      fullWindows: true,
      latentSize: (size) => latentSize(config, size),
      build: (size, weightOf, options) => make(config, size, weightOf, options),
    };
  },
};

/** Bits of a digit. */
const DIGIT = Math.log2(STEPS);

/** Frames of a group, which becomes one latent frame; the first group is filled up in front. */
function groupOf({ timed }: VidtokConfig): number {
  return 2 ** timed.length;
}

/** Pixels of a frame's side for each position. */
function scaleOf({ channels }: VidtokConfig): number {
  return 2 ** (channels.length - 1);
}

/** A number of frames must be one more than whole groups: others do not come back as many. */
function latentSize(config: VidtokConfig, { frames, height, width }: ClipSize): ClipSize {
  const [group, scale] = [groupOf(config), scaleOf(config)];
  const isGood = [height, width].every((side) => side > 0 && side % scale === 0) &&
    frames > 0 && frames % group === 1;
  if (!isGood) {
    throw new RangeError(
      `Cannot build VidTok: found ${frames} frames of ${width}x${height}, expected 1 more than a multiple of ${group}, and sides in multiples of ${scale}`,
    );
  }
  return { frames: (frames - 1) / group + 1, height: height / scale, width: width / scale };
}

function latentLimits(config: VidtokConfig): LatentLimits {
  const most = (WINDOW_FRAMES - 1) / groupOf(config) + 1;
  return { channels: DIGIT * config.values, frames: [1, most], scale: scaleOf(config) };
}

/**
 * Builds the encoder: `frames` F32 [1, 3, T, H, W] of −1 to 1 in, `latent` F32 [1, 18, T′, H′, W′]
 * out, whose signs are the bits of the codes.
 *
 * @param weightOf gives the tensor of a key such as `encoder.conv_in.conv.weight`
 * @throws {RangeError} for clips that the network does not take.
 */
export function buildVidtokEncoder(
  config: VidtokConfig,
  size: ClipSize,
  weightOf: WeightOf,
  options: NetworkOptions = {},
): GraphBuilder {
  latentSize(config, size);
  const g = new GraphBuilder("vidtok_encoder", { float: options.float ?? "F32" });
  const net = new VidtokLayers(g, weightOf);
  const frames = g.input("frames", "F32", [1, 3, size.frames, size.height, size.width]);
  const last = config.channels.length - 1;

  const clip = net.enter(frames);
  const first = g.slice(clip, 0, 0, 1);
  const filling = Array.from({ length: groupOf(config) - 1 }, () => first);
  let x = g.concat([...filling, clip], 0);
  x = net.volume(x, "encoder.conv_in.conv", config.channels[0]!);
  for (const [level, channels] of config.channels.entries()) {
    x = net.level(x, "encoder.down", level, channels, config.blocks);
    if (level === last) break;
    x = net.halveSpace(x, `encoder.down.${level}.downsample.conv`);
    if (config.timed.includes(level)) {
      x = net.halveTime(x, `encoder.down_temporal.${level}.downsample`);
    }
  }
  x = net.swish(net.norm(net.middle(x, "encoder.mid"), "encoder.norm_out"));
  const values = net.leave(net.volume(x, "encoder.conv_out.conv", config.values));
  g.output("latent", digitsToSigns(g, roundedToSteps(g, values)));
  return g;
}

/**
 * Builds the decoder: `quant` F32 [1, 18, T′, H′, W′] of ±1 in, `frames` F32 [1, 3, T, H, W] out,
 * about −1 to 1 and not cut to it.
 *
 * @param size of the latent
 * @param weightOf gives the tensor of a key such as `decoder.conv_in.conv.weight`
 */
export function buildVidtokDecoder(
  config: VidtokConfig,
  size: ClipSize,
  weightOf: WeightOf,
  options: NetworkOptions = {},
): GraphBuilder {
  const g = new GraphBuilder("vidtok_decoder", { float: options.float ?? "F32" });
  const net = new VidtokLayers(g, weightOf);
  const shape = [1, DIGIT * config.values, size.frames, size.height, size.width];
  const quant = g.input("quant", "F32", shape);

  const top = config.channels.at(-1)!;
  let x = net.volume(net.enter(signsToValues(g, quant)), "decoder.conv_in.conv", top);
  x = net.middle(x, "decoder.mid");
  for (const [level, channels] of [...config.channels.entries()].reverse()) {
    x = net.level(x, "decoder.up", level, channels, config.blocks);
    if (level > 0) x = net.doubleSpace(x, `decoder.up.${level}.upsample.conv`);
    if (config.timed.includes(level)) {
      x = net.doubleTime(x, `decoder.up_temporal.${level}.upsample`);
    }
  }
  x = net.swish(net.norm(x, "decoder.norm_out"));
  x = net.leave(net.volume(x, "decoder.conv_out.conv", 3));
  g.output("frames", g.slice(x, 2, groupOf(config) - 1));
  return g;
}

/**
 * Values bounded by tanh and rounded: digits less 3.5, so that those below the middle are negative.
 * The bound reaches a thousandth beyond the outer steps, as in training.
 */
function roundedToSteps(g: GraphBuilder, values: Value): Value {
  const reach = (STEPS - 1) * (1 + 1e-3) / 2;
  const bounded = g.mul(g.tanh(g.add(values, Math.atanh(0.5 / reach))), reach);
  return g.add(g.round(g.sub(bounded, 0.5)), 0.5);
}

/** Digits less 3.5, [1, C, …], → signs of their bits, lowest first, [1, 3 C, …]. */
function digitsToSigns(g: GraphBuilder, digits: Value): Value {
  const [, values, ...space] = digits.shape as number[];
  const planes: Value[] = [];
  let left = digits;
  for (let step = STEPS / 4; step >= 0.5; step /= 2) {
    const sign = g.op("Sign", [left], {}, left);
    planes.unshift(g.unsqueeze(sign, [2]));
    left = g.sub(left, g.mul(sign, step));
  }
  return g.reshape(g.concat(planes, 2), [1, DIGIT * values!, ...space]);
}

/** Signs of bits → the values that stand for their digits: −1, −0.75 … 0.75. */
function signsToValues(g: GraphBuilder, quant: Value): Value {
  const [, bits, ...space] = quant.shape as number[];
  const planes = g.split(g.reshape(quant, [1, bits! / DIGIT, DIGIT, ...space]), 2, [1, 1, 1]);
  const weighted = planes.map((plane, i) => g.mul(plane, 2 ** (i - 1)));
  const centred = g.squeeze(weighted.reduce((sum, plane) => g.add(sum, plane)), [2]);
  return g.div(g.sub(centred, 0.5), STEPS / 2);
}

/** Shapes of the tensors of a half, by key. */
export function vidtokShapes(
  half: Half,
  config: VidtokConfig,
): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  const note = (key: string, shape: readonly number[]): Tensor => {
    shapes.set(key, shape);
    return { dtype: "F32", shape, data: new Float32Array(0) };
  };
  (half === "encoder" ? buildVidtokEncoder : buildVidtokDecoder)(config, ANY_SIZE, note);
  return shapes;
}
