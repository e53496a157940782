/**
 * A checkpoint's tensors as the weights of one network: each is asked for by name and shape while
 * the graph is described, and what is missing, of another shape or left over is reported in one
 * report at the end instead of one error at a time.
 *
 * @example
 * ```ts
 * import { NetworkWeights } from "@vcs/onnx";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const tensors = { "conv.weight": tensor("F32", [8, 4, 3]), "steps": tensor("I64", []) };
 * const weights = NetworkWeights.of(tensors);
 * weights.get("conv.weight", [8, 4, 3]);
 * weights.get("conv.bias", [8]);
 * const { matched, missing, unexpected } = weights.report();
 * assert.deepEqual({ matched, missing, unexpected }, {
 *   matched: ["conv.weight"],
 *   missing: ["conv.bias [8]"],
 *   unexpected: ["steps"],
 * });
 * ```
 *
 * @module
 */
import { type DType, type Tensor, tensor } from "@vcs/transport/tensor";
import { OnnxError } from "../errors.ts";
import type { LazyTensor } from "./core.ts";

/** Named tensors that are read when they are asked for, as a checkpoint has them. */
export interface WeightFile {
  /** Names of the tensors. */
  readonly names: readonly string[];
  /** Whether there is a tensor of that name. */
  has(name: string): boolean;
  /** Type and shape of a tensor. */
  info(name: string): { readonly dtype: DType; readonly shape: readonly number[] };
  /** Reads a tensor. */
  read(name: string): Promise<Tensor>;
}

/** How a checkpoint and a network fit together. */
export interface WeightReport {
  /** Names that the network took. */
  readonly matched: readonly string[];
  /** Names, with their shapes, that the network needs and the checkpoint lacks. */
  readonly missing: readonly string[];
  /** Names whose shapes are not those of the network, with both shapes. */
  readonly mismatched: readonly string[];
  /** Names in the checkpoint that the network did not take. */
  readonly unexpected: readonly string[];
}

/** Settings of {@linkcode NetworkWeights}. */
export interface NetworkWeightsOptions {
  /** Name in the file of a name of the network, as `(name) => "model_ema." + name`. */
  fileName?: (name: string) => string;
  /** Names of the file that the network is known not to need; they are not reported. */
  ignore?: (fileName: string) => boolean;
}

function some(kind: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const rest = names.length > 5 ? ` and ${names.length - 5} more` : "";
  return [`${kind} ${names.slice(0, 5).join(", ")}${rest}`];
}

/** The weights of one network in a file of named tensors. */
export class NetworkWeights {
  readonly #file: WeightFile;
  readonly #fileName: (name: string) => string;
  readonly #ignore: (fileName: string) => boolean;
  readonly #matched = new Set<string>();
  readonly #missing = new Set<string>();
  readonly #mismatched = new Map<string, string>();

  /** Looks at a file, as `openCheckpoint` gives it; nothing is read yet. */
  constructor(file: WeightFile, options: NetworkWeightsOptions = {}) {
    this.#file = file;
    this.#fileName = options.fileName ?? ((name) => name);
    this.#ignore = options.ignore ?? (() => false);
  }

  /** Takes tensors that are in memory. */
  static of(tensors: { readonly [name: string]: Tensor }): NetworkWeights {
    const find = (name: string): Tensor => {
      const t = tensors[name];
      if (t === undefined) throw new RangeError(`Cannot read a weight: no tensor is named ${name}`);
      return t;
    };
    return new NetworkWeights({
      names: Object.keys(tensors),
      has: (name) => Object.hasOwn(tensors, name),
      info: find,
      read: (name) => Promise.resolve(find(name)),
    });
  }

  /** Whether the file has the weight. */
  has(name: string): boolean {
    return this.#file.has(this.#fileName(name));
  }

  /** Shape of a weight in the file, or undefined where it has none of that name. */
  shape(name: string): readonly number[] | undefined {
    return this.has(name) ? this.#file.info(this.#fileName(name)).shape : undefined;
  }

  /**
   * A weight of the network, read when the model is written. Where the file has none of that name
   * and shape this is noted for {@linkcode report}, and the description can go on.
   */
  get(name: string, shape: readonly number[]): LazyTensor {
    const fileName = this.#fileName(name);
    const wanted = `[${shape.join(", ")}]`;
    if (!this.#file.has(fileName)) {
      this.#missing.add(`${fileName} ${wanted}`);
      return { dtype: "F32", shape, read: () => Promise.resolve(tensor("F32", shape)) };
    }
    const { dtype, shape: found } = this.#file.info(fileName);
    if (`[${found.join(", ")}]` !== wanted) {
      this.#mismatched.set(fileName, `${fileName} [${found.join(", ")}] instead of ${wanted}`);
      return { dtype: "F32", shape, read: () => Promise.resolve(tensor("F32", shape)) };
    }
    this.#matched.add(fileName);
    return { dtype, shape, read: () => this.#file.read(fileName) };
  }

  /** What fits and what does not, after the network has asked for all its weights. */
  report(): WeightReport {
    const known = (name: string) =>
      this.#matched.has(name) || this.#mismatched.has(name) || this.#ignore(name);
    return {
      matched: [...this.#matched],
      missing: [...this.#missing],
      mismatched: [...this.#mismatched.values()],
      unexpected: this.#file.names.filter((name) => !known(name)),
    };
  }

  /**
   * Ends the description: every weight was there in its shape. Names left over are not an error.
   *
   * @param network name of the network, for the message
   * @throws {OnnxError} `weights-mismatch` where weights are missing or have other shapes.
   */
  check(network: string): void {
    const { matched, missing, mismatched } = this.report();
    if (missing.length === 0 && mismatched.length === 0) return;
    const problems = [...some("missing", missing), ...some("of another shape", mismatched)];
    throw new OnnxError(
      "weights-mismatch",
      `Cannot build ${network}: ${matched.length} weights fit, ${problems.join("; ")}`,
    );
  }
}
