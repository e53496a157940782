/**
 * A network made ready to run: its weights found, its graph written once into the cache, its state
 * carried from call to call.
 *
 * @module
 */
import { openCheckpoint, type TensorSource } from "@vcs/onnx/checkpoint";
import { resolveDevice } from "@vcs/onnx/devices";
import { cachedModel, fileIdentity, modelBytes } from "@vcs/onnx";
import { Session, type Tensors } from "@vcs/onnx/session";
import type { ModelCatalog, ResolveOptions } from "@vcs/onnx/store";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { CODEC_MODELS } from "./catalog.ts";
import type { ModelSpec } from "../models.ts";
import type { Network } from "./networks.ts";
import { type CheckpointKind, syntheticCheckpoint } from "./synthetic.ts";

/** Where weights come from and what runs them. */
export interface CodecOptions {
  /**
   * A checkpoint: path, URL, official name, tensors, or `synthetic` for one made of arithmetic. A
   * source of tensors must stay open as long as the codec, which may read from it late. Default: the
   * one of the model: the official one, found in the caches of PyTorch or fetched from its authors, or
   * for `encodec_tiny_24khz` the one that is bundled with this package.
   */
  readonly weights?: string | TensorSource;
  /** `auto`, `cpu`, `cuda`, `cuda:N` or `webgpu`. Default: auto. */
  readonly device?: string;
  /** Processors to use. Default: all. */
  readonly threads?: number;
  /** How a checkpoint is found and fetched. */
  readonly resolve?: ResolveOptions;
  /** Where checkpoints are looked for by name. Default: the models of this package. */
  readonly catalog?: ModelCatalog;
  /** Folder for built graphs. Default: the user's cache. */
  readonly cache?: string;
}

/** An open checkpoint. */
export interface Weights extends Disposable {
  /** Its tensors. */
  readonly source: TensorSource;
  /** Identifies it in the cache of graphs; undefined for tensors in memory. */
  readonly identity: string | undefined;
}

/**
 * Opens a checkpoint, or that of the model.
 *
 * @param spec numbers of the codec
 * @param kind the codec itself or its language model
 */
export async function openWeights(
  spec: ModelSpec,
  kind: CheckpointKind,
  options: CodecOptions,
): Promise<Weights> {
  const published = kind === "codec" ? spec.checkpoint : spec.languageModel?.checkpoint;
  const name = published?.name ?? spec.name;
  const { weights = name, resolve, catalog = CODEC_MODELS } = options;
  if (weights === "synthetic") {
    const source = syntheticCheckpoint(spec, kind);
    return { source, identity: `synthetic ${name}`, [Symbol.dispose]: () => {} };
  }
  if (typeof weights !== "string") {
    return { source: weights, identity: undefined, [Symbol.dispose]: () => {} };
  }
  const path = await catalog.resolve(weights, resolve);
  const source = await openCheckpoint(path);
  return {
    source,
    identity: await fileIdentity(path),
    [Symbol.dispose]: () => source.close(),
  };
}

/** State tensors of a stream, by name. */
export type StreamState = Tensors;

/** What runs a network. */
interface RunOptions {
  readonly device?: string;
  readonly threads?: number;
  readonly cache?: string;
}

/** A function that opens a network's model, which is built into the cache first if it is not there. */
async function prepared(
  network: Network,
  weights: Weights,
  { cache, ...options }: RunOptions,
) {
  if (weights.identity === undefined) {
    return async () => await Session.open(await modelBytes(network.graph), options);
  }
  const path = await cachedModel(network.graph, [weights.identity], cache);
  return async () => await Session.open(path, options);
}

/** Whether a graph's inputs have exactly the shapes of these tensors. */
function takes(session: Session, feeds: Tensors): boolean {
  return session.inputs.every(({ name, shape }) =>
    shape.every((size, axis) => size === feeds[name]?.shape[axis])
  );
}

/** A network in a session. */
export class ModelSession implements Disposable {
  readonly #network: Network;
  readonly #open: () => Promise<Session>;
  readonly #special: Session | undefined;
  #general: Promise<Session> | undefined;

  private constructor(network: Network, open: () => Promise<Session>, special?: Session) {
    this.#network = network;
    this.#open = open;
    this.#special = special;
  }

  /**
   * Opens a network; its weights are read only if its graph is not in the cache.
   *
   * @param special the same network for inputs of one shape, optimised for a CPU; there the general
   * one is opened only when other shapes arrive
   */
  static async open(
    network: Network,
    weights: Weights,
    options: RunOptions,
    special?: Network,
  ): Promise<ModelSession> {
    const open = await prepared(network, weights, options);
    const { device } = await resolveDevice(options.device);
    if (special && device === "cpu") {
      const openSpecial = await prepared(special, weights, options);
      return new ModelSession(network, open, await openSpecial());
    }
    const session = new ModelSession(network, open);
    await session.#generalSession();
    return session;
  }

  #generalSession(): Promise<Session> {
    return this.#general ??= this.#open();
  }

  /** Zeros for every state tensor: the start of a stream. */
  newState(): StreamState {
    return Object.fromEntries(
      this.#network.state.map(({ name, shape }) => [name, tensor("F32", shape)]),
    );
  }

  /** Runs on inputs alone. */
  async run(feeds: Tensors, output: string): Promise<Tensor> {
    const special = this.#special;
    const session = special && takes(special, feeds) ? special : await this.#generalSession();
    return (await session.run(feeds, { want: [output] }))[output]!;
  }

  /**
   * Runs the next chunk of a stream.
   *
   * @param state of the call before; replaced by that of the next call
   * @param first whether the chunk is the very start of the audio
   */
  async step(feeds: Tensors, output: string, state: StreamState, first: boolean): Promise<Tensor> {
    const session = await this.#generalSession();
    const flag = session.inputs.some(({ name }) => name === "first")
      ? { first: tensor("BOOL", [1], Uint8Array.of(Number(first))) }
      : {};
    const results = await session.run({ ...feeds, ...state, ...flag });
    for (const name of Object.keys(state)) state[name] = results[`next.${name}`]!;
    return results[output]!;
  }

  /** Releases the session. */
  [Symbol.dispose](): void {
    this.#special?.close();
    void this.#general?.then((session) => session.close(), () => {});
  }
}
