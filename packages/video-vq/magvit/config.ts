/**
 * The shape of an Open-MAGVIT2 video tokenizer, read off the tensors of its checkpoint, so that
 * the weights need no configuration file.
 *
 * @module
 */
import { VideoVqError } from "../errors.ts";
import { type Half, type ShapeOf, sizesOfLevels } from "../official/network.ts";

/** Sizes of a network. */
export interface NetworkConfig {
  /** Colours of a frame. */
  readonly colors: number;
  /** Channels of the latent: bits of a token. */
  readonly latentChannels: number;
  /** Channels of each level of the encoder, from full size down: 128, 256, 256, 512. */
  readonly channels: readonly number[];
  /** Residual blocks of a level: 4. */
  readonly blocks: number;
}

/** The authors' network. */
export const FULL_NETWORK: NetworkConfig = {
  colors: 3,
  latentChannels: 18,
  channels: [128, 256, 256, 512],
  blocks: 4,
};

/**
 * Reads the configuration off the shapes of one half's tensors.
 *
 * @throws {VideoVqError} `bad-model` if the tensors are not those of this network.
 */
export function inferConfig(shapeOf: ShapeOf, half: Half): NetworkConfig {
  return half === "encoder" ? encoderConfig(shapeOf) : decoderConfig(shapeOf);
}

/** Key of the first tensor of a half: if it is missing, the half is not in the file. */
export function firstKey(half: Half): string {
  return `${half}.conv_in.conv_1.weight`;
}

function encoderConfig(shapeOf: ShapeOf): NetworkConfig {
  const level = (i: number) => shapeOf(`encoder.down.${i}.block.0.conv1.conv_1.weight`)?.[0];
  return checked({
    colors: need(shapeOf, firstKey("encoder"))[1]!,
    latentChannels: need(shapeOf, "encoder.conv_out.conv_1.weight")[0]!,
    channels: sizesOfLevels(level),
    blocks: count((i) => shapeOf(`encoder.down.0.block.${i}.norm1.weight`)),
  });
}

/** The decoder's levels run the other way: level i starts from the channels of level i + 1. */
function decoderConfig(shapeOf: ShapeOf): NetworkConfig {
  const level = (i: number) => shapeOf(`decoder.up.${i}.block.0.conv1.conv_1.weight`)?.[0];
  return checked({
    colors: need(shapeOf, "decoder.conv_out.conv_1.weight")[0]!,
    latentChannels: need(shapeOf, firstKey("decoder"))[1]!,
    channels: sizesOfLevels(level),
    blocks: count((i) => shapeOf(`decoder.up.0.block.${i}.norm1.weight`)),
  });
}

function checked(config: NetworkConfig): NetworkConfig {
  const { channels, latentChannels, blocks, colors } = config;
  const good = channels.length >= 2 && channels.every((c) => c % 32 === 0) && blocks > 0 &&
    latentChannels <= 30 && colors === 3;
  if (good) return config;
  throw new VideoVqError(
    "bad-model",
    `Cannot build the video tokenizer: found ${
      JSON.stringify(config)
    }, expected 3 colours, at most 30 latent channels, 2 levels or more and channels in multiples of 32`,
  );
}

function need(shapeOf: ShapeOf, key: string): readonly number[] {
  const shape = shapeOf(key);
  if (shape) return shape;
  throw new VideoVqError(
    "bad-model",
    `Cannot build the video tokenizer: found no ${key}, expected a checkpoint of Open-MAGVIT2's video tokenizer (video_128_262144.ckpt)`,
  );
}

function count(has: (i: number) => unknown): number {
  let i = 0;
  while (has(i) !== undefined) i++;
  return i;
}
