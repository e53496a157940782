/**
 * A video tokenizer from its authors' checkpoint: a Lightning file of up to 6 GB of which only the
 * tensors of the requested half are read, or the same tensors as safetensors. Which network it is
 * of, and of what size, is read off the tensors.
 *
 * The weights for inference are the moving averages of training (`model_ema.…`, whose names have
 * lost their dots); a file without them is used as it is.
 *
 * @module
 */
import { type Checkpoint, openCheckpoint, type TensorSource } from "@vcs/onnx/checkpoint";
import type { GraphBuilder } from "@vcs/onnx/graph";
import { NetworkWeights, stateDict, type WeightReport } from "@vcs/onnx/internal";
import { tensorBytes } from "@vcs/transport/tensor";
import { createHash } from "node:crypto";
import { VideoVqError } from "../errors.ts";
import { MAGVIT } from "../magvit/network.ts";
import { VIDTOK } from "../vidtok/graph.ts";
import {
  ANY_SIZE,
  type ClipSize,
  type Half,
  type NetworkOptions,
  type SizedHalf,
  type VideoNetwork,
} from "./network.ts";

/** The networks whose checkpoints are read. */
const NETWORKS = [MAGVIT, VIDTOK];

/** Which of a checkpoint's two sets of parameters is used: moving averages, or as trained last. */
export type ParameterSet = "ema" | "raw";

/** Name of a tensor's moving average: the dots of its own name are lost. */
export function averagedName(key: string): string {
  return `model_ema.${key.replaceAll(".", "")}`;
}

/** An open checkpoint of a video tokenizer. */
export class VideoCheckpoint implements Disposable {
  readonly #file: Checkpoint;
  readonly #source: TensorSource;

  private constructor(
    file: Checkpoint,
    /** The network whose weights it has. */
    readonly network: VideoNetwork,
    /** Which set of parameters is used. */
    readonly parameters: ParameterSet,
  ) {
    this.#file = file;
    this.#source = stateDict(file);
  }

  /**
   * Opens a checkpoint; nothing but its directory is read.
   *
   * @param parameters which set to use. Default: the averages if there are any.
   * @param allowGlobals classes of data that may stand in it. Default: none beyond the list.
   * @throws {VideoVqError} `bad-model` if the file holds neither half of a network, or not the
   * requested set of parameters.
   */
  static async open(
    path: string,
    parameters?: ParameterSet,
    allowGlobals: readonly string[] = [],
  ): Promise<VideoCheckpoint> {
    const file = await openCheckpoint(path, { allowGlobals });
    try {
      for (const set of parameters ? [parameters] : ["ema", "raw"] as const) {
        const all = NETWORKS.map((network) => new VideoCheckpoint(file, network, set));
        const found = all.find((checkpoint) =>
          checkpoint.has("encoder") || checkpoint.has("decoder")
        );
        if (found) return found;
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
      }tensors ${
        NETWORKS.map((network) => network.firstKey("encoder")).join(" or ")
      }, nor those of a decoder; expected a checkpoint of ${
        NETWORKS.map(({ title }) => title).join(" or ")
      }`,
    );
  }

  /** Whether the file holds a half of the network. */
  has(half: Half): boolean {
    return this.#source.has(this.#fileName(this.network.firstKey(half)));
  }

  /**
   * A half with its sizes.
   *
   * @throws {VideoVqError} `bad-model` if the file does not hold that half.
   */
  sized(half: Half): SizedHalf {
    const weights = this.#weights(half);
    return this.network.sized(half, (key) => weights.shape(key));
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
    const g = this.sized(half).build(size, (key, shape) => weights.get(key, shape), options);
    weights.check(`the ${half} of ${this.network.title}`);
    return g;
  }

  /** How the file and a half of the network fit: tensors matched, missing, mismatched, left over. */
  report(half: Half): WeightReport {
    const weights = this.#weights(half);
    this.sized(half).build(ANY_SIZE, (key, shape) => weights.get(key, shape));
    return weights.report();
  }

  /**
   * Id of the decoder's weights, by which both ends of a stream know that they match: the first
   * 16 hexadecimal digits of SHA-256 over the configuration and the decoder's tensors in
   * the order of their keys.
   */
  async modelId(): Promise<string> {
    const report = this.report("decoder");
    const hash = createHash("sha256").update(JSON.stringify(this.sized("decoder").config));
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
