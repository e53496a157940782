/**
 * Encoder and decoder of vq-tiny on ONNX Runtime. Its weights are bundled, so that a stream can be
 * tried without a download.
 *
 * @module
 */
import { isServed, resolveDevice } from "@vcs/onnx/devices";
import { type GraphBuilder, modelBytes } from "@vcs/onnx/graph";
import { NetworkWeights } from "@vcs/onnx/internal";
import { Session } from "@vcs/onnx/session";
import type { ResolveOptions } from "@vcs/onnx/store";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { defined } from "@vcs/transport/internal";
import type { ClipSize, Half } from "../official/network.ts";
import { SizedSessions } from "../official/sized_sessions.ts";
import { pixelsToBytes, pixelsToFloat } from "../frames/pixels.ts";
import type { TokenizeOptions, WindowDecoder, WindowEncoder } from "../stream/tokenizer.ts";
import { tokensFromLatent, tokensToQuant } from "../stream/tokens.ts";
import {
  buildTinyDecoder,
  buildTinyEncoder,
  TINY_FRAMES,
  TINY_LATENT,
  TINY_MODEL,
} from "./graph.ts";
import { TINY_ID, type TinyTensors, tinyTensors } from "./weights.ts";

/** How a half is run. */
export interface TinyOptions {
  /** `auto`, `cpu`, `cuda`, `cuda:N`, `webgpu`, or `kserve://host:8000`. Default: auto. */
  readonly device?: string;
  /** Threads on the CPU. Default: one per core. */
  readonly threads?: number;
  /** Called as bytes of the weights arrive. Default: nothing. */
  readonly onProgress?: NonNullable<ResolveOptions["onProgress"]>;
  /** Aborts a download. */
  readonly signal?: AbortSignal;
  /**
   * Size of clips to get ready for: two blank windows are run, because the first ones of a session
   * take longer. Default: none.
   */
  readonly size?: ClipSize;
}

/**
 * Opens the encoder.
 *
 * @throws {OnnxError} if the device is not available, or the weights cannot be fetched.
 */
export async function openTinyEncoder(options: TinyOptions = {}): Promise<WindowEncoder> {
  const half = await TinyHalf.open("encoder", options);
  const { size } = options;
  if (size) {
    const { frames, height, width } = size;
    await half.warmUp("frames", [1, 3, frames, height, width], size);
  }
  return {
    ...half.about,
    fullWindows: true,
    resize: "area",
    async encode({ data, frameCount, height, width }, options = {}) {
      if (frameCount !== TINY_FRAMES) {
        throw new RangeError(
          `Cannot encode with ${TINY_MODEL}: found a window of ${frameCount} frames, expected ${TINY_FRAMES}`,
        );
      }
      const frames = pixelsToFloat(data, frameCount, height, width);
      return tokensFromLatent(await half.run("frames", frames, height, width, options));
    },
    [Symbol.dispose]: () => half[Symbol.dispose](),
  };
}

/** Opens the decoder; throws as {@linkcode openTinyEncoder} does. */
export async function openTinyDecoder(options: TinyOptions = {}): Promise<WindowDecoder> {
  const half = await TinyHalf.open("decoder", options);
  const { size } = options;
  if (size) {
    const { channels, frames: [frames], scale } = TINY_LATENT;
    const sides = [size.height / scale, size.width / scale];
    await half.warmUp("quant", [1, channels, frames, ...sides], size);
  }
  return {
    ...half.about,
    latent: TINY_LATENT,
    needsSmoothing: true,
    async decode(tokens, options = {}) {
      const quant = tokensToQuant(tokens);
      const [height, width] = [Number(quant.shape[3]) * 8, Number(quant.shape[4]) * 8];
      const y = await half.run("quant", quant, height, width, options);
      return { frameCount: TINY_FRAMES, height, width, data: pixelsToBytes(y) };
    },
    [Symbol.dispose]: () => half[Symbol.dispose](),
  };
}

/** One half: a session for each size of frame. */
class TinyHalf implements Disposable {
  readonly #sessions = new SizedSessions((size) => this.#openSession(size));

  private constructor(
    readonly half: Half,
    readonly tensors: TinyTensors,
    readonly device: string,
    readonly options: TinyOptions,
  ) {}

  static async open(half: Half, options: TinyOptions): Promise<TinyHalf> {
    const { device } = await resolveDevice(options.device);
    const { onProgress, signal } = options;
    const tensors = await tinyTensors(half, defined({ onProgress, signal }));
    return new TinyHalf(half, tensors, device, options);
  }

  /** Id of the weights, and the half for people. */
  get about(): { modelId: string; description: string } {
    return { modelId: TINY_ID, description: `${TINY_MODEL} ${this.half} on ${this.device}` };
  }

  /** Runs blank windows, so that no later one waits for what is done once. */
  async warmUp(name: string, shape: readonly number[], size: ClipSize): Promise<void> {
    const blank = tensor("F32", shape);
    for (let i = 0; i < 2; i++) await this.run(name, blank, size.height, size.width, {});
  }

  /** Runs one tensor through the graph for a size of frame. */
  async run(
    name: string,
    input: Tensor,
    height: number,
    width: number,
    { signal }: TokenizeOptions,
  ): Promise<Tensor<"F32">> {
    signal?.throwIfAborted();
    const session = await this.#sessions.get({ frames: TINY_FRAMES, height, width });
    const outputs = await session.run({ [name]: input });
    return Object.values(outputs)[0] as Tensor<"F32">;
  }

  async #openSession({ height, width }: ClipSize): Promise<Session> {
    const { half, options, device } = this;
    if (isServed(device)) return await Session.open(`${TINY_MODEL}.${half}`, { device });
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
    this.#sessions[Symbol.dispose]();
  }
}
