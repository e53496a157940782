/**
 * What runs a model behind a session: the library in this process, or a server.
 *
 * @module
 */
import type { Tensor } from "@vcs/transport/tensor";
import type { ModelValue } from "./model_io.ts";

/** Settings of a run. */
export interface RunOptions {
  /**
   * Tensors that outputs are written into, by name; their shapes must be those of the results.
   * Outputs not named here are made anew.
   */
  outputs?: { readonly [name: string]: Tensor };
  /** Outputs that are wanted; all of the model's where none are named. */
  want?: readonly string[];
  /** Ends the run early. */
  signal?: AbortSignal;
}

/** Tensors by name. */
export type Tensors = { [name: string]: Tensor };

/** Runs a model. The session has checked names, element types and shapes of what it is given. */
export interface Engine {
  /** Inputs of the model. */
  readonly inputs: readonly ModelValue[];
  /** Outputs of the model. */
  readonly outputs: readonly ModelValue[];
  /** Device that the model runs on. */
  readonly device: string;
  /** Runs it once, for these of its outputs. */
  run(
    feeds: Readonly<Tensors>,
    outputs: readonly ModelValue[],
    options: RunOptions,
  ): Promise<Tensors>;
  /** Releases it; runs under way end first. */
  close(): void;
}
