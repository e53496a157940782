/**
 * What a stream needs of a model: an encoder from windows to tokens on one side, a decoder from
 * tokens to windows on the other. Any model that implements the two can be streamed.
 *
 * @module
 */
import type { ResizeKind } from "../frames/frame_fitter.ts";
import type { Tokens } from "./tokens.ts";
import type { LatentLimits } from "./window_limits.ts";

/** RGB frames of one size. */
export interface Clip {
  /** Frames in `data`. */
  readonly frameCount: number;
  /** Rows of a frame. */
  readonly height: number;
  /** Columns of a frame. */
  readonly width: number;
  /** RGB, [frameCount, height, width, 3]. */
  readonly data: Uint8Array;
}

/** Options of a single window. */
export interface TokenizeOptions {
  /** Aborts the work with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Makes tokens of windows. */
export interface WindowEncoder extends Disposable {
  /** Id of the weights: 16 lowercase hexadecimal digits. */
  readonly modelId: string;
  /** The model and its device, for people. */
  readonly description: string;
  /** Whether it takes full windows only, so that the end of a clip must be padded. Default: false. */
  readonly fullWindows?: boolean;
  /** How frames are to be scaled for it. Default: opencv. */
  readonly resize?: ResizeKind;
  /** Encodes a window. */
  encode(clip: Clip, options?: TokenizeOptions): Promise<Tokens>;
}

/** Makes frames of tokens. */
export interface WindowDecoder extends Disposable {
  /** Id of the weights: 16 lowercase hexadecimal digits. */
  readonly modelId: string;
  /** The model and its device, for people. */
  readonly description: string;
  /** The latents that it takes: others are refused before they reach it. */
  readonly latent: LatentLimits;
  /** Whether still scenes differ a little between windows, so that a receiver smooths. Default: false. */
  readonly needsSmoothing?: boolean;
  /** Decodes the frames of a window, including those that pad it. */
  decode(tokens: Tokens, options?: TokenizeOptions): Promise<Clip>;
}
