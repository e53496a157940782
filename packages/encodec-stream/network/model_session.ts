/**
 * A network made ready to run: its weights found, its graph written once into the cache, its state
 * carried from call to call.
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { modelBytes } from "@vcs/onnx/graph";
import type { Tensors } from "@vcs/onnx/session";
import type { ModelCatalog, ResolveOptions } from "@vcs/onnx/store";
import { defined } from "@vcs/transport/portable";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import type { ModelSpec, Segmentation } from "../models.ts";
import type { Network } from "./networks.ts";
import { originalNames } from "./transformers_names.ts";
import type { CheckpointKind } from "./synthetic.ts";

/** A model that is ready to run: a `Session` of `@vcs/onnx`, or a substitute for one. */
export interface OpenedModel {
  /** Names and sizes of what it takes; open axes have names. */
  readonly inputs: readonly {
    readonly name: string;
    readonly shape: readonly (number | string)[];
  }[];
  /** Runs it. `want`: outputs to return. Default: all. `signal`: ends the run, where it can. */
  run(
    feeds: Tensors,
    options?: { readonly want?: readonly string[]; readonly signal?: AbortSignal },
  ): Promise<Tensors>;
  /** Releases it. */
  close(): void;
}

/** Where weights come from and what runs them. */
export interface CodecOptions {
  /**
   * A checkpoint: path, URL, official name, tensors, or `synthetic` for one made of arithmetic. A
   * source of tensors must stay open as long as the codec, which may read from it late. Default: the
   * one of the model: the official one, found in the caches of PyTorch or fetched from its authors, or
   * for `encodec_tiny_24khz` the one that is bundled with this package.
   */
  readonly weights?: string | TensorSource;
  /** `auto`, `cpu`, `cuda`, `cuda:N`, `webgpu`, or `kserve://host:8000`. Default: auto. */
  readonly device?: string;
  /** Processors to use. Default: all. */
  readonly threads?: number;
  /** How a checkpoint is found and fetched. */
  readonly resolve?: ResolveOptions;
  /** Where checkpoints are looked for by name. Default: the models of this package. */
  readonly catalog?: ModelCatalog;
  /** Classes of data that may stand in a checkpoint, by their dotted names. Default: none beyond the list. */
  readonly allowGlobals?: readonly string[];
  /** Folder for built graphs. Default: the user's cache. */
  readonly cache?: string;
  /**
   * Opens models, given as the bytes of their files, by another ONNX Runtime: in browsers, workers,
   * Node and Bun there is onnxruntime-web. `weights` must be a source of tensors then; `device`,
   * `threads` and `cache` are not used. Default: the library that `@vcs/onnx` finds, in Deno.
   */
  readonly openModel?: (model: Uint8Array<ArrayBuffer>) => Promise<OpenedModel>;
}

/** An open checkpoint. */
export interface Weights extends Disposable {
  /** Name of the model whose they are, which begins the names of its graphs on a server. */
  readonly model: string;
  /** Its tensors. */
  readonly source: TensorSource;
  /** Identifies it in the cache of graphs; undefined for tensors in memory. */
  readonly identity: string | undefined;
}

/** What the names of a model's graphs on a server begin with, as `export` writes them. */
export function servedName(spec: ModelSpec, kind: CheckpointKind): string {
  return kind === "codec" ? spec.name : spec.languageModel?.checkpoint.name ?? spec.name;
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
  const { weights, openModel } = options;
  if (typeof weights === "object") {
    const source = originalNames(spec, weights);
    const model = servedName(spec, kind);
    return { model, source, identity: undefined, [Symbol.dispose]: () => {} };
  }
  if (openModel) {
    throw new TypeError(
      `Cannot open ${spec.name} by openModel: found weights ${weights}, expected a source of tensors`,
    );
  }
  const { findWeights } = await import("./native.ts");
  return await findWeights(spec, kind, options);
}

/** State tensors of a stream, by name. */
export type StreamState = Tensors;

/** What runs a network. */
export type RunOptions = Pick<CodecOptions, "device" | "threads" | "cache" | "openModel">;

/** A function that opens a network's model. */
async function prepared(network: Network, weights: Weights, options: RunOptions) {
  const { openModel } = options;
  if (openModel) return async () => await openModel(await modelBytes(network.graph));
  const { prepareSession } = await import("./native.ts");
  return await prepareSession(network, weights, options);
}

/** Whether models run on the CPU by the library of `@vcs/onnx`. */
async function runsOnCpu({ device, openModel }: RunOptions): Promise<boolean> {
  if (openModel) return false;
  const { resolveDevice } = await import("@vcs/onnx/devices");
  return (await resolveDevice(device)).device === "cpu";
}

/** Most samples of a segment that has a graph of its own; a longer one would have too many tiles. */
const MOST_TILED = 100_000;

/** Whether full segments have a graph of their own, in tiles. */
export function isTiled(
  spec: ModelSpec,
): spec is ModelSpec & { readonly segmentation: Segmentation } {
  return spec.segmentation !== undefined && spec.segmentation.length <= MOST_TILED;
}

/** Processors of this machine; 1 where the runtime does not report them, as in Node 20. */
export function processors(): number {
  return globalThis.navigator?.hardwareConcurrency ?? 1;
}

/** Whether a graph's inputs have exactly the shapes of these tensors. */
function takes(session: OpenedModel, feeds: Tensors): boolean {
  return session.inputs.every(({ name, shape }) =>
    shape.every((size, axis) => size === feeds[name]?.shape[axis])
  );
}

/** A network in a session. */
export class ModelSession implements Disposable {
  readonly #network: Network;
  readonly #open: () => Promise<OpenedModel>;
  readonly #special: OpenedModel | undefined;
  #general: Promise<OpenedModel> | undefined;

  private constructor(network: Network, open: () => Promise<OpenedModel>, special?: OpenedModel) {
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
    special?: Network | false,
  ): Promise<ModelSession> {
    const open = await prepared(network, weights, options);
    if (special && await runsOnCpu(options)) {
      const openSpecial = await prepared(special, weights, options);
      return new ModelSession(network, open, await openSpecial());
    }
    const session = new ModelSession(network, open);
    await session.#generalSession();
    return session;
  }

  #generalSession(): Promise<OpenedModel> {
    return this.#general ??= this.#open();
  }

  /** Zeros for every state tensor: the start of a stream. */
  newState(): StreamState {
    return Object.fromEntries(
      this.#network.state.map(({ name, shape }) => [name, tensor("F32", shape)]),
    );
  }

  /** Runs on inputs alone, until a signal says that nobody waits for it any more. */
  async run(feeds: Tensors, output: string, signal?: AbortSignal): Promise<Tensor> {
    const special = this.#special;
    const session = special && takes(special, feeds) ? special : await this.#generalSession();
    return (await session.run(feeds, { want: [output], ...defined({ signal }) }))[output]!;
  }

  /**
   * Runs the next chunk of a stream.
   *
   * @param state of the call before; replaced by that of the next call
   * @param first whether the chunk is the very start of the audio
   * @param signal says that nobody waits for it any more
   */
  async step(
    feeds: Tensors,
    output: string,
    state: StreamState,
    first: boolean,
    signal?: AbortSignal,
  ): Promise<Tensor> {
    const session = await this.#generalSession();
    const flag = session.inputs.some(({ name }) => name === "first")
      ? { first: tensor("BOOL", [1], Uint8Array.of(Number(first))) }
      : {};
    const results = await session.run({ ...feeds, ...state, ...flag }, defined({ signal }));
    for (const name of Object.keys(state)) state[name] = results[`next.${name}`]!;
    return results[output]!;
  }

  /** Releases the session. */
  [Symbol.dispose](): void {
    this.#special?.close();
    void this.#general?.then((session) => session.close(), () => {});
  }
}
