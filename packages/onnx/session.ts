/**
 * Running models: a session holds a model ready on a device, and a run gives it named tensors and
 * takes named tensors from it. Runs happen on threads of the runtime, so the event loop goes on;
 * two runs of one session may overlap and share one copy of the weights.
 *
 * @example Build a graph, run it
 * ```ts
 * import { GraphBuilder } from "@vcs/onnx/graph";
 * import { modelBytes } from "@vcs/onnx";
 * import { Session } from "@vcs/onnx/session";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const g = new GraphBuilder("double");
 * g.output("y", g.mul(g.input("x", "F32", ["N"]), 2));
 *
 * using session = await Session.open(await modelBytes(g), { device: "cpu" });
 * const { y } = await session.run({ x: tensor("F32", [3], new Float32Array([1, 2, 3])) });
 * assert.deepEqual([...y!.data], [2, 4, 6]);
 * ```
 *
 * @module
 */
import { OnnxError } from "./errors.ts";
import type { Engine, RunOptions, Tensors } from "./runtime/engine.ts";
import { checkTensor, type ModelValue, valuesNamed } from "./runtime/model_io.ts";
import { isServed } from "./served/address.ts";

export type { RunOptions, Tensors } from "./runtime/engine.ts";
export type { ModelValue } from "./runtime/model_io.ts";

/** Settings of a session. */
export interface SessionOptions {
  /**
   * `auto`, `cpu`, `cuda`, `cuda:N`, `webgpu`, or a server of models, which has its own settings:
   * `kserve://host:8000`. Default: `auto`.
   */
  device?: string;
  /** Threads of a run on the CPU. Default: one per core. */
  threads?: number;
  /**
   * Microseconds that a thread without work stays awake for more, on the CPU; 0 where none are
   * given. Some tens make runs of many small steps faster by a tenth, or by a fifth in 8 bits; where
   * other programs keep all cores busy, they make runs slower.
   */
  spin?: number;
  /** Path of ONNX Runtime's shared library. Default: the one that fits the device. */
  library?: string;
}

/** A model made ready on a device. Release it with `using` or {@linkcode Session.close}. */
export class Session implements Disposable {
  /** Inputs of the model. */
  readonly inputs: readonly ModelValue[];
  /** Outputs of the model. */
  readonly outputs: readonly ModelValue[];
  /** Device that the model runs on. */
  readonly device: string;
  readonly #engine: Engine;
  #closed = false;

  private constructor(engine: Engine) {
    this.#engine = engine;
    this.inputs = engine.inputs;
    this.outputs = engine.outputs;
    this.device = engine.device;
  }

  /**
   * Opens a model: a file (whose weights are mapped, not read), or bytes; on a server of models its
   * name there, as `export` writes it.
   *
   * @throws {OnnxError} `library-missing` or `library-version` where ONNX Runtime cannot be used,
   * `device-unavailable` where the device cannot, `model-invalid` where the model is refused; of a
   * server `model-unknown`, `server-failed` or `answer-invalid`.
   * @throws {RangeError} where the device's name, the number of threads, or the spin is not allowed.
   * @throws {TypeError} where a server's model is not given by name.
   */
  static async open(
    model: string | URL | Uint8Array,
    options: SessionOptions = {},
  ): Promise<Session> {
    const { device = "auto", threads, spin = 0 } = options;
    if (!Number.isInteger(spin) || spin < 0 || spin > 1e6) {
      throw new RangeError(
        `Cannot open a model: found a spin of ${spin}, expected 0 to 1000000`,
      );
    }
    if (threads !== undefined && (!Number.isInteger(threads) || threads < 1 || threads > 1024)) {
      throw new RangeError(`Cannot open a model: found ${threads} threads, expected 1 to 1024`);
    }
    if (isServed(device)) {
      const { ServedModel } = await import("./served/served_model.ts");
      return new Session(await ServedModel.open(model, device));
    }
    const { LocalModel } = await import("./runtime/local_model.ts");
    return new Session(await LocalModel.open(model, options));
  }

  /**
   * Runs the model. The tensors must not be changed or transferred until the run has ended.
   *
   * @param feeds a tensor for every input, by name
   * @throws {RangeError} where an input is missing or unknown, or a tensor's type or shape is not
   * the model's.
   * @throws {OnnxError} `run-failed` where the runtime ends the run, `session-closed` after close;
   * `server-failed`, `answer-invalid` or `limit` where a server or its answer is at fault.
   */
  async run(feeds: Readonly<Tensors>, options: RunOptions = {}): Promise<Tensors> {
    options.signal?.throwIfAborted();
    if (this.#closed) throw new OnnxError("session-closed", "Cannot run: the session is closed");
    const wanted = options.want ?? this.outputs.map(({ name }) => name);
    const outputs = valuesNamed(this.outputs, wanted, "output");
    this.#checkFeeds(feeds, options.outputs ?? {});
    return await this.#engine.run(feeds, outputs, options);
  }

  #checkFeeds(feeds: Readonly<Tensors>, given: Readonly<Tensors>): void {
    valuesNamed(this.inputs, Object.keys(feeds), "input");
    for (const value of this.inputs) {
      const t = feeds[value.name];
      if (t === undefined) {
        throw new RangeError(`Cannot run: input ${value.name} is missing`);
      }
      checkTensor("input", value, t);
    }
    for (const value of valuesNamed(this.outputs, Object.keys(given), "output")) {
      checkTensor("output", value, given[value.name]!);
    }
  }

  /** Releases the model; runs under way end first. Closing twice is fine. */
  close(): void {
    this.#closed = true;
    this.#engine.close();
  }

  /** Releases the model, as {@linkcode close} does. */
  [Symbol.dispose](): void {
    this.close();
  }
}
