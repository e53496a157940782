/**
 * vq-tiny as the two halves that streams need. Its weights travel with the package, so that a
 * stream can be tried without fetching anything.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { resolveDevice } from "@vcs/onnx/devices";
import type { GraphBuilder } from "@vcs/onnx/graph";
import { modelBytes } from "@vcs/onnx";
import { NetworkWeights } from "@vcs/onnx";
import { Session } from "@vcs/onnx/session";
import { readSafetensors } from "@vcs/transport/safetensors";
import { type Tensor, tensorBytes } from "@vcs/transport/tensor";
import { defined } from "@vcs/transport/internal";
import type { Half } from "../magvit/config.ts";
import { VideoVqError } from "../errors.ts";
import { pixelsToBytes, pixelsToFloat } from "../frames/pixels.ts";
import type { Clip, TokenizeOptions, WindowDecoder, WindowEncoder } from "../stream/tokenizer.ts";
import { type Tokens, tokensFromLatent, tokensToQuant } from "../stream/tokens.ts";
import { buildTinyDecoder, buildTinyEncoder, TINY_FRAMES, TINY_MODEL } from "./graph.ts";

/** How a half is run. */
export interface TinyOptions {
  /** `auto`, `cpu`, `cuda`, `cuda:N` or `webgpu`; `auto` where not given. */
  readonly device?: string;
  /** Threads on the CPU; one a core where not given. */
  readonly threads?: number;
}

/**
 * Opens the encoder.
 *
 * @throws {OnnxError} where the device is not there.
 * @throws {VideoVqError} `bad-model` where the package's weights cannot be fetched.
 */
export async function openTinyEncoder(options: TinyOptions = {}): Promise<WindowEncoder> {
  return new TinyEncoder(await TinyHalf.open("encoder", options));
}

/** Opens the decoder; throws as {@linkcode openTinyEncoder} does. */
export async function openTinyDecoder(options: TinyOptions = {}): Promise<WindowDecoder> {
  return new TinyDecoder(await TinyHalf.open("decoder", options));
}

type Tensors = { readonly [name: string]: Tensor };

async function readWeights(half: Half): Promise<Tensors> {
  const address = new URL(`./weights/vq_tiny_${half}.safetensors`, import.meta.url);
  const response = await fetch(address);
  if (!response.ok) {
    throw new VideoVqError(
      "bad-model",
      `Cannot read the weights of ${TINY_MODEL}: found HTTP ${response.status} at ${address}, allowed is the file of the package`,
    );
  }
  const { tensors } = readSafetensors(new Uint8Array(await response.arrayBuffer()));
  return Object.fromEntries(tensors);
}

/** Names the decoder's weights, by which both ends of a stream know that they fit. */
function modelIdOf(decoder: Tensors): string {
  const hash = createHash("sha256").update(TINY_MODEL);
  for (const name of Object.keys(decoder).sort()) hash.update(tensorBytes(decoder[name]!));
  return hash.digest("hex").slice(0, 16);
}

/** One half: a session for each size of frame that comes. */
class TinyHalf implements Disposable {
  readonly #sessions = new Map<string, Promise<Session>>();
  #closed = false;

  private constructor(
    readonly half: Half,
    readonly tensors: Tensors,
    readonly modelId: string,
    readonly device: string,
    readonly options: TinyOptions,
  ) {}

  static async open(half: Half, options: TinyOptions): Promise<TinyHalf> {
    const { device } = await resolveDevice(options.device);
    const tensors = await readWeights(half);
    const modelId = modelIdOf(half === "decoder" ? tensors : await readWeights("decoder"));
    return new TinyHalf(half, tensors, modelId, device, options);
  }

  get description(): string {
    return `${TINY_MODEL} ${this.half} on ${this.device}`;
  }

  /** Runs one tensor through the graph for a size of frame. */
  async run(name: string, input: Tensor, height: number, width: number): Promise<Tensor<"F32">> {
    if (this.#closed) throw new TypeError(`Cannot run the ${this.half}: it is closed`);
    const key = `${height}x${width}`;
    let session = this.#sessions.get(key);
    if (!session) {
      session = this.#openSession(height, width);
      this.#sessions.set(key, session);
      session.catch(() => this.#sessions.delete(key));
    }
    const outputs = await (await session).run({ [name]: input });
    return Object.values(outputs)[0] as Tensor<"F32">;
  }

  async #openSession(height: number, width: number): Promise<Session> {
    const { options, device } = this;
    const threads = defined({ threads: options.threads });
    return await Session.open(await modelBytes(this.#build(height, width)), { device, ...threads });
  }

  #build(height: number, width: number): GraphBuilder {
    const weights = NetworkWeights.of(this.tensors);
    const build = this.half === "encoder" ? buildTinyEncoder : buildTinyDecoder;
    const g = build(height, width, (key, shape) => weights.get(key, shape));
    weights.check(`the ${this.half} of ${TINY_MODEL}`);
    return g;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const session of this.#sessions.values()) {
      session.then((opened) => opened.close(), () => {});
    }
  }
}

class TinyEncoder implements WindowEncoder {
  readonly fullWindows = true;
  readonly modelId: string;
  readonly description: string;
  readonly #half: TinyHalf;

  constructor(half: TinyHalf) {
    this.#half = half;
    this.modelId = half.modelId;
    this.description = half.description;
  }

  async encode(clip: Clip, options: TokenizeOptions = {}): Promise<Tokens> {
    const { data, frameCount, height, width } = clip;
    if (frameCount !== TINY_FRAMES) {
      throw new RangeError(
        `Cannot encode with ${TINY_MODEL}: found a window of ${frameCount} frames, allowed are windows of ${TINY_FRAMES}`,
      );
    }
    options.signal?.throwIfAborted();
    const frames = pixelsToFloat(data, frameCount, height, width);
    return tokensFromLatent(await this.#half.run("frames", frames, height, width));
  }

  [Symbol.dispose](): void {
    this.#half[Symbol.dispose]();
  }
}

class TinyDecoder implements WindowDecoder {
  readonly modelId: string;
  readonly description: string;
  readonly hasSeams = true;
  readonly #half: TinyHalf;

  constructor(half: TinyHalf) {
    this.#half = half;
    this.modelId = half.modelId;
    this.description = half.description;
  }

  async decode(tokens: Tokens, options: TokenizeOptions = {}): Promise<Clip> {
    options.signal?.throwIfAborted();
    const quant = tokensToQuant(tokens);
    const [height, width] = [Number(quant.shape[3]) * 8, Number(quant.shape[4]) * 8];
    const y = await this.#half.run("quant", quant, height, width);
    return { frameCount: TINY_FRAMES, height, width, data: pixelsToBytes(y) };
  }

  [Symbol.dispose](): void {
    this.#half[Symbol.dispose]();
  }
}
