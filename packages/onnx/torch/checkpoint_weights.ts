/**
 * Finds the weights inside a checkpoint: below the usual wrappers (`state_dict`, `model`), without
 * the prefix of parallel training, and with the moving averages in place of the raw parameters.
 *
 * @example The averaged weights of a Lightning checkpoint
 * ```ts
 * import { openCheckpoint } from "@vcs/onnx/checkpoint";
 * import { emaWeights, stateDict } from "@vcs/onnx";
 * import { encodeSafetensors } from "@vcs/transport/safetensors";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const file = encodeSafetensors({
 *   "state_dict/encoder.weight": tensor("F32", [1], new Float32Array([1])),
 *   "state_dict/model_ema.encoderweight": tensor("F32", [1], new Float32Array([2])),
 * });
 * using checkpoint = await openCheckpoint(file);
 * const raw = stateDict(checkpoint);
 * const averaged = emaWeights(raw);
 * assert.deepEqual((await raw.read("encoder.weight")).data, new Float32Array([1]));
 * assert.deepEqual((await averaged!.read("encoder.weight")).data, new Float32Array([2]));
 * ```
 *
 * @module
 */
import type { Tensor, TensorInfo } from "@vcs/transport/tensor";
import type { TensorSource } from "../checkpoint.ts";
import { OnnxError } from "../errors.ts";

/** Keys under which training scripts put the state dict, the likeliest first. */
const WRAPPERS = [
  ...["state_dict", "model_state_dict", "model_state", "best_state"],
  ...["model", "module", "net", "params"],
];
/** What DataParallel and torch.compile put before every name. */
const PREFIXES = ["module.", "_orig_mod."];
/** What LitEma puts before its copies, whose names have no dots. */
const EMA = "model_ema.";

/** A source with other names: each stands for one of the names below. */
class Renamed implements TensorSource {
  readonly names: readonly string[];

  constructor(readonly source: TensorSource, readonly targets: ReadonlyMap<string, string>) {
    this.names = [...targets.keys()];
  }

  has(name: string): boolean {
    return this.targets.has(name);
  }

  #target(name: string): string {
    const target = this.targets.get(name);
    if (target !== undefined) return target;
    throw new RangeError(
      `Cannot read tensor ${
        JSON.stringify(name)
      }: the weights have ${this.names.length} tensors of other names`,
    );
  }

  info(name: string): TensorInfo {
    return this.source.info(this.#target(name));
  }

  async read(name: string): Promise<Tensor> {
    return await this.source.read(this.#target(name));
  }
}

/**
 * The tensors whose names begin with a prefix, named without it.
 *
 * @param prefix with its separator: `state_dict/`
 */
export function tensorsUnder(source: TensorSource, prefix: string): TensorSource {
  const names = source.names.filter((name) => name.startsWith(prefix));
  return new Renamed(source, new Map(names.map((name) => [name.slice(prefix.length), name])));
}

/**
 * The weights of a model, wherever the training script put them: below the first of `state_dict`,
 * `model_state_dict`, `model_state`, `best_state`, `model`, `module`, `net`, `params` that holds
 * tensors, and without the `module.` and `_orig_mod.` that DataParallel and torch.compile put before
 * every name; these may stand one within another. A flat state dict is given as it is.
 */
export function stateDict(source: TensorSource): TensorSource {
  const wrapper = WRAPPERS.find((word) => source.names.some((name) => name.startsWith(`${word}/`)));
  if (wrapper !== undefined) return stateDict(tensorsUnder(source, `${wrapper}/`));
  const [first = ""] = source.names;
  const prefix = PREFIXES.find((word) => first.startsWith(word));
  const isCommon = prefix !== undefined && source.names.every((name) => name.startsWith(prefix));
  return isCommon ? stateDict(tensorsUnder(source, prefix)) : source;
}

function averagedName(name: string): string {
  return EMA + name.replaceAll(".", "");
}

/**
 * The weights with their moving averages, as LitEma (latent diffusion, Open-MAGVIT2) keeps them: the
 * average of `a.b.weight` is `model_ema.abweight`. Tensors that have no average, such as buffers,
 * stay what they are.
 *
 * @returns undefined where the source has no averages
 * @throws {OnnxError} `weights-mismatch`: two parameters share an average, because their names
 * differ in dots only
 */
export function emaWeights(source: TensorSource): TensorSource | undefined {
  const targets = new Map<string, string>();
  const used = new Set<string>();
  for (const name of source.names) {
    if (name.startsWith(EMA)) continue;
    const average = averagedName(name);
    if (used.has(average)) {
      throw new OnnxError(
        "weights-mismatch",
        `Cannot distinguish the averages: two are ${average}`,
      );
    }
    const found = source.has(average);
    if (found) used.add(average);
    targets.set(name, found ? average : name);
  }
  return used.size > 0 ? new Renamed(source, targets) : undefined;
}
