/**
 * Open-MAGVIT2's video tokenizer as the two halves that streams need, on ONNX Runtime. Each half
 * reads its own tensors only.
 *
 * @module
 */
import { resolveDevice } from "@vcs/onnx/devices";
import { cachedModel, fileIdentity } from "@vcs/onnx";
import { Session } from "@vcs/onnx/session";
import type { Tensor } from "@vcs/transport/tensor";
import { defined } from "@vcs/transport/internal";
import type { Half } from "./config.ts";
import { MagvitCheckpoint, type WeightSet } from "./magvit.ts";
import { type ClipSize, type ConvForm, latentSize } from "./network.ts";
import { pixelsToBytes, pixelsToFloat } from "../frames/pixels.ts";
import type { Clip, TokenizeOptions, WindowDecoder, WindowEncoder } from "../stream/tokenizer.ts";
import { rememberedText } from "./text_cache.ts";
import { type Tokens, tokensFromLatent, tokensToQuant } from "../stream/tokens.ts";

/** How a half is run. */
export interface MagvitOptions {
  /** `auto`, `cpu`, `cuda`, `cuda:N` or `webgpu`; `auto` where not given. */
  readonly device?: string;
  /** Threads on the CPU; one a core where not given. */
  readonly threads?: number;
  /** What convolutions compute in; norms stay in float32. `f32` where not given. */
  readonly precision?: "f32" | "f16";
  /** Which of the checkpoint's weights; its averages where it has them, if not given. */
  readonly weights?: WeightSet;
  /** How convolutions over time are expressed; what the device is best at where not given. */
  readonly form?: ConvForm;
  /** Size of clips to get ready for at once; without it, the first clip of each size waits. */
  readonly size?: ClipSize;
  /** Folder for built graphs; the user's cache where not given. */
  readonly cache?: string;
}

/**
 * Opens the encoder of a checkpoint.
 *
 * @throws {VideoVqError} `bad-model` where the file is no checkpoint of this network.
 * @throws {OnnxError} where the device is not there, or tensors are missing.
 */
export async function openMagvitEncoder(
  path: string,
  options: MagvitOptions = {},
): Promise<WindowEncoder> {
  return new MagvitEncoder(await MagvitHalf.open(path, "encoder", options));
}

/** Opens the decoder of a checkpoint; throws as {@linkcode openMagvitEncoder} does. */
export async function openMagvitDecoder(
  path: string,
  options: MagvitOptions = {},
): Promise<WindowDecoder> {
  return new MagvitDecoder(await MagvitHalf.open(path, "decoder", options));
}

/** On the CPU the runtime has faster kernels for pictures than for volumes. */
const FORMS: Readonly<Record<string, ConvForm>> = {
  cpu: "planes",
  cuda: "padded",
  webgpu: "planes",
};

/** One half: a graph and a session for each size of clip that comes. */
class MagvitHalf implements Disposable {
  readonly #sessions = new Map<string, Promise<Session>>();
  #closed = false;

  private constructor(
    readonly half: Half,
    readonly path: string,
    readonly checkpoint: MagvitCheckpoint,
    readonly device: string,
    readonly options: MagvitOptions,
    readonly modelId: string,
  ) {}

  static async open(path: string, half: Half, options: MagvitOptions): Promise<MagvitHalf> {
    const { device } = await resolveDevice(options.device);
    const checkpoint = await MagvitCheckpoint.open(path, options.weights);
    try {
      checkpoint.config(half);
      const what = `model id of ${checkpoint.weights} weights`;
      const identify = () => checkpoint.modelId();
      const modelId = await rememberedText(path, what, identify, options.cache);
      const opened = new MagvitHalf(half, path, checkpoint, device, options, modelId);
      if (options.size) await opened.#prepare(options.size);
      return opened;
    } catch (error) {
      checkpoint[Symbol.dispose]();
      throw error;
    }
  }

  get description(): string {
    const { channels } = this.checkpoint.config(this.half);
    const precision = this.options.precision ?? "f32";
    return `Open-MAGVIT2 video ${this.half}, channels ${
      channels.join("-")
    }, ${this.checkpoint.weights} weights, ${precision} on ${this.device}`;
  }

  /** Runs one tensor through the graph for its size. */
  async run(name: string, input: Tensor, { signal }: TokenizeOptions): Promise<Tensor> {
    const [, , frames, height, width] = input.shape as [number, number, number, number, number];
    const session = await this.#session({ frames, height, width });
    const outputs = await session.run({ [name]: input }, defined({ signal }));
    return Object.values(outputs)[0]!;
  }

  async #prepare(size: ClipSize): Promise<void> {
    const isEncoder = this.half === "encoder";
    await this.#session(isEncoder ? size : latentSize(this.checkpoint.config("decoder"), size));
  }

  #session(size: ClipSize): Promise<Session> {
    if (this.#closed) throw new TypeError(`Cannot run the ${this.half}: it is closed`);
    const key = `${size.frames}x${size.height}x${size.width}`;
    let session = this.#sessions.get(key);
    if (!session) {
      session = this.#openSession(size);
      this.#sessions.set(key, session);
      session.catch(() => this.#sessions.delete(key));
    }
    return session;
  }

  async #openSession(size: ClipSize): Promise<Session> {
    const { half, options, checkpoint } = this;
    const form = options.form ?? FORMS[this.device.replace(/:.*/, "")]!;
    const float = options.precision === "f16" ? "F16" : "F32";
    const graph = checkpoint.build(half, size, { form, float });
    const identity = [await fileIdentity(this.path), checkpoint.weights];
    const model = await cachedModel(graph, identity, options.cache);
    const threads = defined({ threads: options.threads });
    return await Session.open(model, { device: this.device, ...threads });
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const session of this.#sessions.values()) {
      session.then((opened) => opened.close(), () => {});
    }
    this.checkpoint[Symbol.dispose]();
  }
}

class MagvitEncoder implements WindowEncoder {
  readonly modelId: string;
  readonly description: string;
  readonly #half: MagvitHalf;

  constructor(half: MagvitHalf) {
    this.#half = half;
    this.modelId = half.modelId;
    this.description = half.description;
  }

  async encode(clip: Clip, options: TokenizeOptions = {}): Promise<Tokens> {
    const frames = pixelsToFloat(clip.data, clip.frameCount, clip.height, clip.width);
    const latent = await this.#half.run("frames", frames, options);
    return tokensFromLatent(latent as Tensor<"F32">);
  }

  [Symbol.dispose](): void {
    this.#half[Symbol.dispose]();
  }
}

class MagvitDecoder implements WindowDecoder {
  readonly modelId: string;
  readonly description: string;
  readonly #half: MagvitHalf;

  constructor(half: MagvitHalf) {
    this.#half = half;
    this.modelId = half.modelId;
    this.description = half.description;
  }

  async decode(tokens: Tokens, options: TokenizeOptions = {}): Promise<Clip> {
    const y = await this.#half.run("quant", tokensToQuant(tokens), options) as Tensor<"F32">;
    const [, , frameCount, height, width] = y.shape as [number, number, number, number, number];
    return { frameCount, height, width, data: pixelsToBytes(y) };
  }

  [Symbol.dispose](): void {
    this.#half[Symbol.dispose]();
  }
}
