/**
 * Open-MAGVIT2's video tokenizer from its authors' checkpoint: a Lightning file of up to 6 GB of
 * which only the tensors of the requested half are read, or the same tensors as safetensors.
 *
 * The weights for inference are the moving averages of training (`model_ema.…`, whose names have
 * lost their dots); a file without them is used as it is.
 *
 * @module
 */
import { type Checkpoint, openCheckpoint, type TensorSource } from "@vcs/onnx/checkpoint";
import type { GraphBuilder } from "@vcs/onnx/graph";
import { NetworkWeights, stateDict, type WeightReport } from "@vcs/onnx";
import { tensorBytes } from "@vcs/transport/tensor";
import { createHash } from "node:crypto";
import { firstKey, type Half, inferConfig, type NetworkConfig } from "./config.ts";
import { VideoVqError } from "../errors.ts";
import { buildDecoder, buildEncoder, type ClipSize, type NetworkOptions } from "./network.ts";

/** Which of a checkpoint's two sets of parameters is used: moving averages, or as trained last. */
export type ParameterSet = "ema" | "raw";

/** Name of a tensor's moving average: the dots of its own name are lost. */
export function averagedName(key: string): string {
  return `model_ema.${key.replaceAll(".", "")}`;
}

/** An open checkpoint of the video tokenizer. */
export class MagvitCheckpoint implements Disposable {
  /** Which set of parameters is used. */
  readonly parameters: ParameterSet;
  readonly #file: Checkpoint;
  readonly #source: TensorSource;

  private constructor(file: Checkpoint, parameters: ParameterSet) {
    this.#file = file;
    this.#source = stateDict(file);
    this.parameters = parameters;
  }

  /**
   * Opens a checkpoint; nothing but its directory is read.
   *
   * @param parameters which set to use. Default: the averages if there are any.
   * @param allowGlobals classes of data that may stand in it. Default: none beyond the list.
   * @throws {VideoVqError} `bad-model` if the file holds neither half of the network, or not the
   * requested set of parameters.
   */
  static async open(
    path: string,
    parameters?: ParameterSet,
    allowGlobals: readonly string[] = [],
  ): Promise<MagvitCheckpoint> {
    const file = await openCheckpoint(path, { allowGlobals });
    try {
      for (const set of parameters ? [parameters] : ["ema", "raw"] as const) {
        const found = new MagvitCheckpoint(file, set);
        if (found.has("encoder") || found.has("decoder")) return found;
      }
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
    throw new VideoVqError(
      "bad-model",
      `Cannot use ${path} as video tokenizer: found no ${
        parameters === "ema" ? "averaged (model_ema) " : ""
      }tensors ${firstKey("encoder")} or ${
        firstKey("decoder")
      }, expected a checkpoint of Open-MAGVIT2's video tokenizer`,
    );
  }

  /** Whether the file holds a half of the network. */
  has(half: Half): boolean {
    return this.#source.has(this.#fileName(firstKey(half)));
  }

  /**
   * Sizes of the network.
   *
   * @throws {VideoVqError} `bad-model` if the file does not hold that half.
   */
  config(half: Half): NetworkConfig {
    return inferConfig((key) => this.#weights(half).shape(key), half);
  }

  /** Bytes read from the file so far. */
  get bytesRead(): number {
    return this.#file.bytesRead;
  }

  /**
   * Describes a half for clips of a size; weights are read when the graph is written.
   *
   * @param size of the frames for the encoder, of the latent for the decoder
   * @throws {OnnxError} `weights-mismatch` if tensors are missing or of other shapes.
   */
  build(half: Half, size: ClipSize, options?: NetworkOptions): GraphBuilder {
    const weights = this.#weights(half);
    const make = half === "encoder" ? buildEncoder : buildDecoder;
    const g = make(this.config(half), size, (key, shape) => weights.get(key, shape), options);
    weights.check(`the ${half} of the video tokenizer`);
    return g;
  }

  /** How the file and a half of the network fit: tensors matched, missing, mismatched, left over. */
  report(half: Half): WeightReport {
    const weights = this.#weights(half);
    const make = half === "encoder" ? buildEncoder : buildDecoder;
    const size = { frames: 5, height: 16, width: 16 };
    make(this.config(half), size, (key, shape) => weights.get(key, shape));
    return weights.report();
  }

  /**
   * Id of the decoder's weights, by which both ends of a stream know that they match: the first
   * 16 hexadecimal digits of SHA-256 over the configuration and the decoder's tensors in
   * the order of their keys.
   */
  async modelId(): Promise<string> {
    const report = this.report("decoder");
    const hash = createHash("sha256").update(JSON.stringify(this.config("decoder")));
    for (const name of [...report.matched].sort()) {
      hash.update(tensorBytes(await this.#source.read(name)));
    }
    return hash.digest("hex").slice(0, 16);
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  #fileName(key: string): string {
    return this.parameters === "raw" ? key : averagedName(key);
  }

  #weights(half: Half): NetworkWeights {
    const own = this.#fileName(`${half}.`).replace(/\.$/, "");
    return new NetworkWeights(this.#source, {
      fileName: (key) => this.#fileName(key),
      ignore: (name) => !name.startsWith(own),
    });
  }
}
