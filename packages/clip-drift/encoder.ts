/**
 * Embeddings of images, of unit length: by CLIP if its weights are on this machine, by DINOv2 or
 * SigLIP if they are asked for, or by GIST, which needs no weights.
 *
 * @example Two images that have nothing in common
 * ```ts
 * import { cosine } from "@vcs/clip-drift/drift";
 * import { openEncoder } from "@vcs/clip-drift/encoder";
 * import assert from "node:assert/strict";
 *
 * const stripes = (across: boolean) => {
 *   const data = new Uint8Array(64 * 64 * 3);
 *   for (let i = 0; i < 64 * 64; i++) {
 *     const along = across ? i % 64 : Math.floor(i / 64);
 *     data.fill(along % 8 < 4 ? 40 : 200, i * 3, i * 3 + 3);
 *   }
 *   return { width: 64, height: 64, data };
 * };
 * using encoder = await openEncoder({ model: "gist", device: "cpu" });
 * const [a, b] = await encoder.encodeBatch([stripes(true), stripes(false)]);
 * assert.ok(cosine(a!, b!) < 0.2);
 * ```
 *
 * @module
 */
import { OnnxError, Session } from "@vcs/onnx";
import { hasExactSignedProducts } from "@vcs/onnx/internal";
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import type { ResolveOptions } from "@vcs/onnx/store";
import { cachedModel, fileIdentity } from "@vcs/onnx";
import { type GraphBuilder, modelBytes, stateDict } from "@vcs/onnx";
import { isServed } from "@vcs/onnx/devices";
import type { ModelCatalog } from "@vcs/onnx/store";
import { tensor } from "@vcs/transport/tensor";
import { defined, isFile } from "@vcs/transport/internal";
import type { Activation, ClipGraphOptions, Precision, WeightForm } from "./clip/graph.ts";
import { chooseActivation, type FoundWeights } from "./clip/activation.ts";
import { ClipDriftError } from "./errors.ts";
import { GIST_LENGTHS, GIST_SIZE, gistGraph } from "./measures/gist.ts";
import { type GistName, isGist } from "./measures/gist_names.ts";
import { cropBox, type Framing, resizeCrop, type RgbImage } from "./clip/preprocess.ts";
import { ENCODER_MODELS, type EncoderModel, servedName } from "./vit/models.ts";
import { type EncoderKind, kindOf, kindOfModel } from "./vit/registry.ts";
import { vitGraph } from "./vit/vit.ts";

/** Which model, and how it runs. */
export interface EncoderOptions extends Pick<ResolveOptions, "onLine" | "onProgress" | "signal"> {
  /**
   * `gist`, `gist-colour`, or the first half of a name in the catalogue, as `ViT-L-14-336` or
   * `DINOv2-S-14`. Default: ViT-B-32 if its weights are on this machine, else `gist`.
   */
  readonly model?: string;
  /**
   * Tag of the weights, or a path, a URL or `hf:owner/name/file`. Default: the first tag that the
   * catalogue has of the model, which is openai of CLIP.
   */
  readonly pretrained?: string;
  /** Models that can be had by name. Default: those of this package. */
  readonly catalog?: ModelCatalog<EncoderModel>;
  /** `auto`, `cpu`, `cuda`, `cuda:N`, `webgpu`, or `kserve://host:8000`. Default: `auto`. */
  readonly device?: string;
  /** Arithmetic of the matrix products. Default: `fp32`. */
  readonly precision?: Precision;
  /**
   * Form of int8's weights, for tests and comparisons. Default: `s8` if this CPU computes products
   * with signed bytes exactly, else `u8`.
   */
  readonly weightForm?: WeightForm;
  /** Activation, of CLIP. Default: the one that the weights were trained with. */
  readonly activation?: Activation;
  /** Threads on the CPU. Default: one per core. */
  readonly threads?: number;
  /** Classes of data that may stand in a checkpoint, by their dotted names. Default: none beyond the list. */
  readonly allowGlobals?: readonly string[];
  /** Folder for built graphs. Default: the user's cache. */
  readonly cache?: string;
}

/** What an encoder is. */
export interface EncoderInfo {
  /** Name of the model. */
  readonly model: string;
  /** Tag or path of the weights; `none` for GIST. */
  readonly pretrained: string;
  /** Device that it runs on. */
  readonly device: string;
  /** Whether it can encode. */
  readonly loaded: boolean;
  /** Numbers in an embedding. */
  readonly embeddingDim: number;
  /** Side in pixels of the square that images are resized to. */
  readonly imageSize: number;
  /** Path of the weights' file. */
  readonly weights?: string;
  /** Activation, of CLIP. */
  readonly activation?: Activation;
  /** Whether the activation is a guess, as nothing names the one that the weights were trained with. */
  readonly isActivationAssumed?: boolean;
  /** Arithmetic, of networks. */
  readonly precision?: Precision;
  /** How images are framed, as `config.json` says it. Default: as for CLIP. */
  readonly preprocessing?: string;
}

/** Makes embeddings of images. Release it with `using`. */
export interface Encoder extends Disposable {
  /** What it is. */
  readonly info: EncoderInfo;
  /**
   * The embedding of one image. Images that arrive while the model is busy are encoded together.
   *
   * @throws {ClipDriftError} `out-of-memory`
   */
  encode(image: RgbImage): Promise<Float32Array>;
  /**
   * The embeddings of images: each as it is alone, up to the rounding of floats. int8 runs them one
   * by one, as its scales are those of all that is in one run.
   */
  encodeBatch(images: readonly RgbImage[]): Promise<Float32Array[]>;
}

/** The most images in one run of the model. */
const MAX_BATCH = 16;
/** The scales of int8 are those of a run: an image must not meet others in it. */
const MAX_BATCH_INT8 = 1;

/** One vector over its length. */
function unit(x: Float32Array): Float32Array {
  const length = Math.hypot(...x);
  return length === 0 ? x : x.map((v) => v / length);
}

/** An image that waits for its turn. */
interface Waiting {
  readonly image: RgbImage;
  readonly done: PromiseWithResolvers<Float32Array>;
}

class SessionEncoder implements Encoder {
  readonly info: EncoderInfo;
  readonly #session: Session;
  readonly #framing: Framing;
  #waiting: Waiting[] = [];
  #isRunning = false;

  constructor(
    session: Session,
    info: Omit<EncoderInfo, "device" | "loaded">,
    framing: Framing = cropBox,
  ) {
    this.#session = session;
    this.#framing = framing;
    this.info = { ...info, device: session.device, loaded: true };
  }

  encode(image: RgbImage): Promise<Float32Array> {
    const done = Promise.withResolvers<Float32Array>();
    this.#waiting.push({ image, done });
    if (!this.#isRunning) void this.#drain();
    return done.promise;
  }

  /** Runs the model as long as images wait. */
  async #drain(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const most = this.info.precision === "int8" ? MAX_BATCH_INT8 : MAX_BATCH;
      const batch = this.#waiting.splice(0, most);
      try {
        const embeddings = await this.#run(batch.map(({ image }) => image));
        batch.forEach(({ done }, i) => done.resolve(embeddings[i]!));
      } catch (error) {
        for (const { done } of batch) done.reject(error);
      }
    }
    this.#isRunning = false;
  }

  async encodeBatch(images: readonly RgbImage[]): Promise<Float32Array[]> {
    return await Promise.all(images.map((image) => this.encode(image)));
  }

  async #run(images: readonly RgbImage[]): Promise<Float32Array[]> {
    const { imageSize, embeddingDim } = this.info;
    const area = imageSize * imageSize * 3;
    const pixels = tensor("U8", [images.length, imageSize, imageSize, 3]);
    images.forEach((image, i) => {
      const out = pixels.data.subarray(i * area, (i + 1) * area);
      resizeCrop(image, imageSize, out, this.#framing);
    });
    try {
      const { embedding } = await this.#session.run({ pixels });
      const data = embedding!.data as Float32Array;
      return images.map((_, i) => unit(data.subarray(i * embeddingDim, (i + 1) * embeddingDim)));
    } catch (error) {
      throw explain(error);
    }
  }

  [Symbol.dispose](): void {
    this.#session.close();
  }
}

/** Adds what to do if memory is short or the device is missing. */
function explain(error: unknown): unknown {
  if (error instanceof OnnxError && error.code === "device-unavailable") {
    const hint = "or use --device cpu (ENCODERS_DEVICE=cpu)";
    return new OnnxError(error.code, `${error.message}; ${hint}`, { cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  if (!/out of memory|bad_?alloc|failed to allocate|CUDA failure 2\b/i.test(message)) return error;
  return new ClipDriftError(
    "out-of-memory",
    `Cannot run the model: ${message}; use --precision int8 or fp16, a smaller model, or --device cpu (ENCODERS_DEVICE=cpu)`,
    { cause: error },
  );
}

/**
 * Microseconds that a thread stays awake between the model's steps. Waking it takes a tenth of the
 * run's time; longer than this gains nothing, and is lost if the machine is busy.
 */
const SPIN = 50;

/** Opens a session; its errors say what to do. */
async function openSession(
  model: string | Uint8Array,
  { device, threads }: EncoderOptions,
): Promise<Session> {
  const settings = {
    spin: SPIN,
    ...defined({ device, threads }),
  };
  try {
    return await Session.open(model, settings);
  } catch (error) {
    throw explain(error);
  }
}

async function openGist(model: GistName, options: EncoderOptions): Promise<Encoder> {
  const isElsewhere = isServed(options.device ?? "auto");
  const session = await openSession(
    isElsewhere ? model : await modelBytes(gistGraph(model)),
    options,
  );
  const info = {
    model,
    pretrained: "none",
    embeddingDim: GIST_LENGTHS[model],
    imageSize: GIST_SIZE,
  };
  return new SessionEncoder(session, info);
}

/** `ViT-B/32` and `ViT-B-32-quickgelu` as `ViT-B-32`; other spellings by the catalogue. */
export function modelName(name: string, catalog: ModelCatalog = ENCODER_MODELS): string {
  const known = catalog.find(name)?.name.replace(/\/[^/]*$/, "");
  return known ?? name.replace(/-quickgelu$/i, "").replace("/", "-").replace("@336px", "-336")
    .replace(/^vit-/i, "ViT-");
}

/** The first tag of a model in the catalogue. */
function firstTag(model: string, catalog: ModelCatalog = ENCODER_MODELS): string {
  const found = catalog.models.find(({ name }) => name.startsWith(`${model}/`));
  return found?.name.slice(model.length + 1) ?? "openai";
}

/** Finds weights, which are fetched if they are not on this machine. */
async function findWeights(
  model: string,
  tag: string,
  { catalog = ENCODER_MODELS, onLine, onProgress, signal }: EncoderOptions,
): Promise<FoundWeights> {
  const isReference = /^(https?:\/\/|hf:)/.test(tag) || await isFile(tag);
  const reference = isReference ? tag : `${model}/${tag}`;
  try {
    const path = await catalog.resolve(reference, defined({ onLine, onProgress, signal }));
    return { path, entry: isReference ? undefined : catalog.find(reference) };
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    const hint = "or use --model gist, which needs no weights";
    throw new ClipDriftError("no-weights", `${error.message}; ${hint}`, { cause: error });
  }
}

/**
 * How 8-bit weights are written: it is part of the model's identity in the cache. All devices run
 * the 8-bit products on the CPU.
 */
async function byteSettings(
  { precision, weightForm }: EncoderOptions,
): Promise<Pick<ClipGraphOptions, "weightForm">> {
  if (precision !== "int8") return {};
  return { weightForm: weightForm ?? (await hasExactSignedProducts() ? "s8" : "u8") };
}

/** Path of a graph in the cache, which is written first where it is not there. */
async function builtModel(
  graph: GraphBuilder,
  weights: string,
  settings: string,
  { cache }: EncoderOptions,
): Promise<string> {
  return await cachedModel(graph, [await fileIdentity(weights, cache), settings], cache);
}

/** Refuses weights of another kind than the model's, and options that the kind does not have. */
function checkKind(
  kind: EncoderKind,
  model: string,
  path: string,
  { activation }: EncoderOptions,
): void {
  const wanted = kindOfModel(model) ?? kind;
  if (wanted !== kind) {
    const { name } = kind.models[0]!;
    const hint = `or --model ${name.replace(/\/.*/, "")}`;
    throw new ClipDriftError(
      "bad-weights",
      `Cannot open ${model}: found ${kind.name}'s weights in ${path}, expected ${wanted.name}'s, ${hint}`,
    );
  }
  if (activation === undefined || kind.name === "CLIP") return;
  throw new RangeError(`Cannot choose the activation of ${model}: only CLIP's can be chosen`);
}

async function openNetwork(options: EncoderOptions): Promise<Encoder> {
  const { precision = "fp32", catalog } = options;
  const model = modelName(options.model ?? "ViT-B-32", catalog);
  const pretrained = options.pretrained ?? firstTag(model, catalog);
  const weights = await findWeights(model, pretrained, options);
  const { path, entry } = weights;
  using checkpoint = await openCheckpoint(path, defined({ allowGlobals: options.allowGlobals }));
  const source = stateDict(checkpoint);
  const kind = kindOf(source);
  checkKind(kind, model, path, options);
  const chosen = kind.name === "CLIP" ? await chooseActivation(options, weights) : {};
  const training = defined({ mean: entry?.mean, std: entry?.std });
  const vit = kind.vit(source, { activation: "quick_gelu", ...chosen, ...training });
  const settings = { precision, ...await byteSettings(options) };
  const identity = JSON.stringify({ ...chosen, ...training, ...settings });
  const session = await openSession(
    isServed(options.device ?? "auto")
      ? `${servedName(entry?.name ?? pretrained)}.vision`
      : await builtModel(vitGraph(kind.graph, vit, settings), path, identity, options),
    options,
  );
  const { embedDim: embeddingDim, imageSize } = vit;
  const { preprocessing, framing } = kind;
  return new SessionEncoder(session, {
    ...{ model, pretrained, embeddingDim, imageSize, weights: path, ...chosen, precision },
    preprocessing,
  }, framing);
}

/** Whether CLIP's default weights are on this machine. */
export async function hasDefaultWeights(): Promise<boolean> {
  return await ENCODER_MODELS.findLocal("ViT-B-32/openai") !== undefined;
}

/**
 * Opens a model.
 *
 * @throws {ClipDriftError} `no-weights` if they are not on this machine and cannot be fetched,
 * `bad-weights` if the file is not the model's, `out-of-memory`
 * @throws {RangeError} for an activation of a model other than CLIP's
 * @throws {OnnxError} if the device or the runtime cannot be used
 */
export async function openEncoder(options: EncoderOptions = {}): Promise<Encoder> {
  const { model, pretrained } = options;
  const isDefault = model === undefined && pretrained === undefined;
  if (isGist(model)) return await openGist(model, options);
  const hasNone = isDefault && !await hasDefaultWeights();
  return hasNone ? await openGist("gist", options) : await openNetwork(options);
}
