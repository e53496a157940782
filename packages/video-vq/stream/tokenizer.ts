/**
 * What a stream needs of a model: windows to tokens on one side, tokens to windows on the other.
 * Whatever fulfils the two interfaces can be streamed.
 *
 * @module
 */
import type { Tokens } from "./tokens.ts";

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
  /** Ends the work early with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The half that makes tokens. */
export interface WindowEncoder extends Disposable {
  /** Names the weights: 16 lowercase hexadecimal digits. */
  readonly modelId: string;
  /** The model and its device, for people. */
  readonly description: string;
  /** Whether it takes full windows only, so that the last frames of a clip must be filled up. */
  readonly fullWindows?: boolean;
  /** Makes the tokens of a window. */
  encode(clip: Clip, options?: TokenizeOptions): Promise<Tokens>;
}

/** The half that makes frames. */
export interface WindowDecoder extends Disposable {
  /** Names the weights: 16 lowercase hexadecimal digits. */
  readonly modelId: string;
  /** The model and its device, for people. */
  readonly description: string;
  /** Whether a still scene changes a little from window to window, so that a stream is smoothed. */
  readonly hasSeams?: boolean;
  /** Makes the frames of a window's tokens: its valid ones, and what fills it up. */
  decode(tokens: Tokens, options?: TokenizeOptions): Promise<Clip>;
}
