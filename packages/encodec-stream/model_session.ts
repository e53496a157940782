/**
 * A network made ready to run: its weights found, its graph written once into the cache, its state
 * carried from call to call.
 *
 * @module
 */
import { openCheckpoint, type TensorSource } from "@vcs/onnx/checkpoint";
import { modelBytes } from "@vcs/onnx/model";
import { cachedModel, fileIdentity } from "@vcs/onnx/model_cache";
import { Session, type Tensors } from "@vcs/onnx/session";
import { resolveModel, type ResolveOptions } from "@vcs/onnx/store";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { openTinyWeights } from "./encodec_tiny.ts";
import { EcdcError } from "./errors.ts";
import { type ModelName, TINY_MODEL } from "./models.ts";
import type { Network } from "./networks.ts";
import { type CheckpointKind, syntheticCheckpoint } from "./synthetic.ts";

/** Where weights come from and what runs them. */
export interface CodecOptions {
  /**
   * A checkpoint: path, address, tensors, or `synthetic` for one made of arithmetic. Default: the
   * official one of the model, found in the caches of PyTorch or fetched from its authors; for
   * `encodec_tiny_24khz` the one that travels with this package.
   */
  readonly checkpoint?: string | TensorSource;
  /** `auto`, `cpu`, `cuda`, `cuda:N` or `webgpu`. Default `auto`. */
  readonly device?: string;
  /** Processors to use. Default: all. */
  readonly threads?: number;
  /** How a checkpoint is looked for and fetched. */
  readonly resolve?: ResolveOptions;
}

/** An open checkpoint. */
export interface Weights extends Disposable {
  /** Its tensors. */
  readonly source: TensorSource;
  /** What tells it from others, for the cache of graphs; undefined for tensors in memory. */
  readonly identity: string | undefined;
}

/**
 * Opens a checkpoint, or the official one, or the one that travels with this package.
 *
 * @param model name of the codec
 * @param kind the codec itself or its language model
 * @throws {EcdcError} `unsupported` for a language model of `encodec_tiny_24khz`: it has none.
 */
export async function openWeights(
  model: ModelName,
  kind: CheckpointKind,
  options: CodecOptions,
): Promise<Weights> {
  const official = kind === "codec" ? model : model.replace("encodec_", "encodec_lm_");
  const { checkpoint = official, resolve } = options;
  if (model === TINY_MODEL && kind === "language-model") {
    throw new EcdcError("unsupported", `Cannot use entropy coding: ${model} has no language model`);
  }
  if (checkpoint === TINY_MODEL) return await openTinyWeights();
  if (checkpoint === "synthetic") {
    const source = syntheticCheckpoint(model, kind);
    return { source, identity: `synthetic ${official}`, [Symbol.dispose]: () => {} };
  }
  if (typeof checkpoint !== "string") {
    return { source: checkpoint, identity: undefined, [Symbol.dispose]: () => {} };
  }
  const path = await resolveModel(checkpoint, resolve);
  const source = await openCheckpoint(path);
  return {
    source,
    identity: await fileIdentity(path),
    [Symbol.dispose]: () => source.close(),
  };
}

/** State tensors of a stream, by name. */
export type StreamState = Tensors;

/** A network in a session. */
export class ModelSession implements Disposable {
  readonly #session: Session;
  readonly #network: Network;

  private constructor(session: Session, network: Network) {
    this.#session = session;
    this.#network = network;
  }

  /** Makes a network ready; its weights are read only where the cache does not have them. */
  static async open(
    network: Network,
    weights: Weights,
    options: { device?: string; threads?: number },
  ): Promise<ModelSession> {
    const model = weights.identity === undefined
      ? await modelBytes(network.graph)
      : await cachedModel(network.graph, [weights.identity]);
    return new ModelSession(await Session.open(model, options), network);
  }

  /** Zeros for every state tensor: a stream's start. */
  newState(): StreamState {
    return Object.fromEntries(
      this.#network.state.map(({ name, shape }) => [name, tensor("F32", shape)]),
    );
  }

  /** Runs on inputs alone. */
  async run(feeds: Tensors, output: string): Promise<Tensor> {
    return (await this.#session.run(feeds, { want: [output] }))[output]!;
  }

  /**
   * Runs the next piece of a stream.
   *
   * @param first whether the piece is the very start of the audio
   * @param state from the call before; the state for the next call takes its place
   */
  async step(feeds: Tensors, output: string, state: StreamState, first: boolean): Promise<Tensor> {
    const flag = this.#session.inputs.some((port) => port.name === "first")
      ? { first: tensor("BOOL", [1], Uint8Array.of(Number(first))) }
      : {};
    const results = await this.#session.run({ ...feeds, ...state, ...flag });
    for (const name of Object.keys(state)) state[name] = results[`next.${name}`]!;
    return results[output]!;
  }

  /** Releases the session. */
  [Symbol.dispose](): void {
    this.#session.close();
  }
}
