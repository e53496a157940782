/**
 * Encoder and decoder of a video tokenizer from its authors' checkpoint, on ONNX Runtime. Each reads only its own
 * tensors.
 *
 * @module
 */
import { isServed, resolveDevice } from "@vcs/onnx/devices";
import { cachedModel, fileIdentity } from "@vcs/onnx/internal";
import { Session } from "@vcs/onnx/session";
import type { Tensor } from "@vcs/transport/tensor";
import { defined } from "@vcs/transport/internal";
import { type ParameterSet, VideoCheckpoint } from "./checkpoint.ts";
import type { ClipSize, ConvForm, Half, SizedHalf } from "./network.ts";
import { pixelsToBytes, pixelsToFloat } from "../frames/pixels.ts";
import type { TokenizeOptions, WindowDecoder, WindowEncoder } from "../stream/tokenizer.ts";
import { SizedSessions } from "./sized_sessions.ts";
import { cachedText } from "./text_cache.ts";
import { tokensFromLatent, tokensToQuant } from "../stream/tokens.ts";

/** How a half is run. */
export interface CheckpointOptions {
  /** `auto`, `cpu`, `cuda`, `cuda:N`, `webgpu`, or `kserve://host:8000`. Default: auto. */
  readonly device?: string;
  /** Threads on the CPU. Default: one per core. */
  readonly threads?: number;
  /** What convolutions compute in; norms stay in float32. Default: fp32. */
  readonly precision?: "fp32" | "fp16";
  /** Which of the checkpoint's sets of parameters. Default: its moving averages if it has them. */
  readonly parameters?: ParameterSet;
  /** How convolutions over time are expressed. Default: what is fastest on the device. */
  readonly form?: ConvForm;
  /** Size of clips to prepare for. Default: none, the first clip of each size takes longer. */
  readonly size?: ClipSize;
  /** Classes of data that may stand in a checkpoint, by their dotted names. Default: none beyond the list. */
  readonly allowGlobals?: readonly string[];
  /** Folder for built graphs. Default: the user's cache. */
  readonly cache?: string;
}

/**
 * Opens the encoder of a checkpoint.
 *
 * @throws {VideoVqError} `bad-model` if the file is not a checkpoint of a network that is known.
 * @throws {OnnxError} if the device is not available, or tensors are missing.
 */
export async function openCheckpointEncoder(
  path: string,
  options: CheckpointOptions = {},
): Promise<WindowEncoder> {
  const half = await CheckpointHalf.open(path, "encoder", options);
  return {
    ...half.about,
    fullWindows: half.sized.fullWindows,
    async encode({ data, frameCount, height, width }, options = {}) {
      const frames = pixelsToFloat(data, frameCount, height, width);
      return tokensFromLatent(await half.run("frames", frames, options));
    },
    [Symbol.dispose]: () => half[Symbol.dispose](),
  };
}

/** Opens the decoder of a checkpoint; throws as {@linkcode openCheckpointEncoder} does. */
export async function openCheckpointDecoder(
  path: string,
  options: CheckpointOptions = {},
): Promise<WindowDecoder> {
  const half = await CheckpointHalf.open(path, "decoder", options);
  return {
    ...half.about,
    latent: half.sized.latent,
    async decode(tokens, options = {}) {
      const y = await half.run("quant", tokensToQuant(tokens), options);
      const [, , frameCount, height, width] = y.shape as [number, number, number, number, number];
      return { frameCount, height, width, data: pixelsToBytes(y) };
    },
    [Symbol.dispose]: () => half[Symbol.dispose](),
  };
}

/** On the CPU the runtime has faster kernels for 2-D convolutions than for 3-D ones. */
const FORMS: Readonly<Record<string, ConvForm>> = {
  cpu: "planes",
  cuda: "padded",
  webgpu: "planes",
};

/** One half: a graph and a session for each size of clip. */
class CheckpointHalf implements Disposable {
  readonly #sessions = new SizedSessions((size) => this.#openSession(size));

  private constructor(
    readonly half: Half,
    readonly sized: SizedHalf,
    readonly path: string,
    readonly checkpoint: VideoCheckpoint,
    readonly device: string,
    readonly options: CheckpointOptions,
    readonly modelId: string,
  ) {}

  static async open(path: string, half: Half, options: CheckpointOptions): Promise<CheckpointHalf> {
    const { device } = await resolveDevice(options.device);
    const checkpoint = await VideoCheckpoint.open(path, options.parameters, options.allowGlobals);
    try {
      const sized = checkpoint.sized(half);
      const what = `model id of ${checkpoint.parameters} weights`;
      const identify = () => checkpoint.modelId();
      const modelId = await cachedText(path, what, identify, options.cache);
      const opened = new CheckpointHalf(half, sized, path, checkpoint, device, options, modelId);
      if (options.size) await opened.#prepare(options.size);
      return opened;
    } catch (error) {
      checkpoint[Symbol.dispose]();
      throw error;
    }
  }

  /** Id of the weights, and the half for people. */
  get about(): { modelId: string; description: string } {
    const { network: { title }, parameters } = this.checkpoint;
    const precision = this.options.precision ?? "fp32";
    const description = `${title} ${this.half}, channels ${
      this.sized.config.channels.join("-")
    }, ${parameters} parameters, ${precision} on ${this.device}`;
    return { modelId: this.modelId, description };
  }

  /** Runs one tensor through the graph for its size. */
  async run(name: string, input: Tensor, { signal }: TokenizeOptions): Promise<Tensor<"F32">> {
    const [, , frames, height, width] = input.shape as [number, number, number, number, number];
    const session = await this.#sessions.get({ frames, height, width });
    const outputs = await session.run({ [name]: input }, defined({ signal }));
    return Object.values(outputs)[0] as Tensor<"F32">;
  }

  async #prepare(size: ClipSize): Promise<void> {
    await this.#sessions.get(this.half === "encoder" ? size : this.sized.latentSize(size));
  }

  async #openSession(size: ClipSize): Promise<Session> {
    const { half, options, checkpoint, device } = this;
    if (isServed(device)) {
      return await Session.open(`${checkpoint.network.name}.${half}`, { device });
    }
    const form = options.form ?? FORMS[this.device.replace(/:.*/, "")]!;
    const float = options.precision === "fp16" ? "F16" : "F32";
    const graph = checkpoint.build(half, size, { form, float });
    const identity = [await fileIdentity(this.path, options.cache), checkpoint.parameters];
    const model = await cachedModel(graph, identity, options.cache);
    const threads = defined({ threads: options.threads });
    return await Session.open(model, { device, ...threads });
  }

  [Symbol.dispose](): void {
    this.#sessions[Symbol.dispose]();
    this.checkpoint[Symbol.dispose]();
  }
}
