/**
 * What a video tokenizer's network is to everything that runs it: where its tensors are, the sizes
 * that follow from them, and a graph of either half for clips of one size.
 *
 * @module
 */
import type { GraphBuilder, WeightSource } from "@vcs/onnx/graph";
import type { LatentLimits } from "../stream/window_limits.ts";

/** The half of a network that a machine loads. */
export type Half = "encoder" | "decoder";

/** Shape of a tensor by its key, or undefined if it is missing. */
export type ShapeOf = (key: string) => readonly number[] | undefined;

/** Gives the weight of a key; the shape is the one that the network needs. */
export type WeightOf = (key: string, shape: readonly number[]) => WeightSource;

/** Size of a clip. */
export interface ClipSize {
  /** Frames. */
  readonly frames: number;
  /** Rows, a multiple of 2 to the number of steps between levels. */
  readonly height: number;
  /** Columns, a multiple of the same. */
  readonly width: number;
}

/**
 * How convolutions over time are expressed:
 *
 * - `volume`: one `Conv` that pads time in front only;
 * - `padded`: two zero frames put in front by `Pad`, then a `Conv` with symmetric pads (CUDA, whose
 *   kernels do not take asymmetric ones);
 * - `planes`: frames as a batch and three 2-D convolutions for the three taps of time (WebGPU and
 *   others without 3-D kernels; and the CPU, where it takes a fifth less time than `volume`).
 *
 * VidTok's network, most of whose convolutions see single frames, is always built as planes.
 */
export type ConvForm = "volume" | "padded" | "planes";

/** What a graph is built for. */
export interface NetworkOptions {
  /** How convolutions over time are expressed. Default: planes. */
  readonly form?: ConvForm;
  /** What convolutions compute in; norms stay in float32. Default: F32. */
  readonly float?: "F32" | "F16";
}

/** A half whose sizes are known. */
export interface SizedHalf {
  /** Sizes of the network, which are part of its weights' id. */
  readonly config: { readonly channels: readonly number[] };
  /** The latents of windows that the decoder takes. */
  readonly latent: LatentLimits;
  /** Whether windows of less than 17 frames cannot be encoded. */
  readonly fullWindows: boolean;
  /**
   * Size of the latent of a clip.
   *
   * @throws {RangeError} if the network does not take such clips.
   */
  latentSize(size: ClipSize): ClipSize;
  /**
   * Describes the graph for clips of a size. The encoder's input is `frames` F32 [1, 3, T, H, W]
   * of −1 to 1, its output `latent` F32 [1, C, T′, H′, W′], whose signs are the tokens; the
   * decoder's are `quant`, the signs as ±1, and `frames`, about −1 to 1 and not cut to it.
   *
   * @param size of the frames for the encoder, of the latent for the decoder
   */
  build(size: ClipSize, weightOf: WeightOf, options?: NetworkOptions): GraphBuilder;
}

/** A network whose halves are read from its authors' checkpoint. */
export interface VideoNetwork {
  /** Its name in options and on model servers. */
  readonly name: string;
  /** What people call it. */
  readonly title: string;
  /** Key of the first tensor of a half: if it is missing, the half is not in the file. */
  firstKey(half: Half): string;
  /**
   * Reads the sizes of a half off its tensors.
   *
   * @throws {VideoVqError} `bad-model` if they are not those of this network.
   */
  sized(half: Half, shapeOf: ShapeOf): SizedHalf;
}

/**
 * A size for which every network can be built, as frames and as latent: where only the tensors
 * that it asks for matter.
 */
export const ANY_SIZE: ClipSize = { frames: 5, height: 16, width: 16 };

/** Sizes of levels 0, 1, 2 … until one is missing. */
export function sizesOfLevels(sizeOf: (level: number) => number | undefined): number[] {
  const sizes: number[] = [];
  for (let size = sizeOf(0); size !== undefined; size = sizeOf(sizes.length)) sizes.push(size);
  return sizes;
}
