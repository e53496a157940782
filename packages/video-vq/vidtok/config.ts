/**
 * The sizes of a VidTok tokenizer, read off the tensors of its checkpoint, so that the weights need
 * no configuration file.
 *
 * @module
 */
import { VideoVqError } from "../errors.ts";
import { type Half, type ShapeOf, sizesOfLevels } from "../official/network.ts";

/** Steps of each value of a latent: every code of VidTok has as many digits of base 8. */
export const STEPS = 8;

/** Sizes of one half. */
export interface VidtokConfig {
  /** Values of a latent position, each rounded to one of 8 steps: 4, 5 or 6. */
  readonly values: number;
  /** Channels of each level, from full size down: 128, 256, 512, 512. */
  readonly channels: readonly number[];
  /** Pairs of residual blocks of a level, one in space and one in time: 2, in the decoder 3. */
  readonly blocks: number;
  /** Levels between which time is halved, or doubled. */
  readonly timed: readonly number[];
}

/** The encoder of the authors' network of 262,144 codes. */
export const FULL_VIDTOK_ENCODER: VidtokConfig = {
  values: 6,
  channels: [128, 256, 512, 512],
  blocks: 2,
  timed: [1, 2],
};

/** Its decoder. */
export const FULL_VIDTOK_DECODER: VidtokConfig = { ...FULL_VIDTOK_ENCODER, blocks: 3 };

/** Key of the first tensor of a half. */
export function firstKey(half: Half): string {
  return `${half}.conv_in.conv.weight`;
}

/**
 * Reads the sizes off the shapes of one half's tensors.
 *
 * @throws {VideoVqError} `bad-model` if the tensors are not those of this network.
 */
export function inferConfig(shapeOf: ShapeOf, half: Half): VidtokConfig {
  const side = half === "encoder" ? "down" : "up";
  const step = half === "encoder" ? "downsample" : "upsample";
  const channels = sizesOfLevels((i) => shapeOf(`${half}.${side}.${i}.block.0.conv1.weight`)?.[0]);
  const steps = [...channels.keys()].map((i) => `${half}.${side}_temporal.${i}.${step}.mix_factor`);
  return checked({
    values: (half === "encoder"
      ? shapeOf("encoder.conv_out.conv.weight")?.[0]
      : shapeOf(firstKey("decoder"))?.[1]) ?? 0,
    channels,
    blocks: sizesOfLevels((i) =>
      shapeOf(`${half}.${side}.0.block.${i}.conv1.weight`)?.[0]
    ).length,
    timed: [...channels.keys()].filter((i) => shapeOf(steps[i]!) !== undefined),
  });
}

/** Levels, and bits of a token, are bounded by what streams carry. */
function checked(config: VidtokConfig): VidtokConfig {
  const { channels, values, blocks, timed } = config;
  const isGood = channels.length >= 2 && channels.length <= 8 && values >= 1 && values <= 10 &&
    blocks > 0 && timed.length >= 1 && timed.length <= 4;
  if (isGood) return config;
  throw new VideoVqError(
    "bad-model",
    `Cannot build VidTok: found ${
      JSON.stringify(config)
    }, expected 2 to 8 levels, 1 to 4 of them halved in time, and 1 to 10 values of a latent position`,
  );
}
