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
import { builtin } from "@vcs/transport/internal";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { parseDevice, resolveDevice } from "./devices.ts";
import { OnnxError } from "./errors.ts";
import { findLibrary } from "./runtime/library.ts";
import { cPath, cString, loadRuntime, Out, type Runtime, skipDestructors } from "./runtime/ort.ts";
import {
  checkTensor,
  type ModelValue,
  readTypeAndSizes,
  readValues,
  valuesNamed,
} from "./runtime/model_io.ts";
import { sessionOptions } from "./runtime/providers.ts";
import { memoryOf, RunMemory, Terminator } from "./runtime/run_memory.ts";

export type { ModelValue } from "./runtime/model_io.ts";

/** Settings of a session. */
export interface SessionOptions {
  /** `auto`, `cpu`, `cuda`, `cuda:N` or `webgpu`. Default: `auto`. */
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

/** Settings of a run. */
export interface RunOptions {
  /**
   * Tensors that outputs are written into, by name; their shapes must be those of the results.
   * Outputs not named here are made anew.
   */
  outputs?: { readonly [name: string]: Tensor };
  /** Outputs that are wanted; all of the model's where none are named. */
  want?: readonly string[];
  /** Ends the run early. */
  signal?: AbortSignal;
}

/** Tensors by name. */
export type Tensors = { [name: string]: Tensor };

/** A model made ready on a device. Release it with `using` or {@linkcode Session.close}. */
export class Session implements Disposable {
  /** Inputs of the model. */
  readonly inputs: readonly ModelValue[];
  /** Outputs of the model. */
  readonly outputs: readonly ModelValue[];
  /** Device that the model runs on. */
  readonly device: string;
  readonly #runtime: Runtime;
  /** Memory of the names. */
  readonly #memory: RunMemory;
  readonly #inputNames: readonly Uint8Array<ArrayBuffer>[];
  readonly #outputNames: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  #session: Deno.PointerValue;
  #running = 0;
  #closed = false;

  private constructor(runtime: Runtime, session: Deno.PointerObject, device: string) {
    this.#runtime = runtime;
    this.#session = session;
    this.device = device;
    try {
      this.inputs = readValues(runtime, session, "input");
      this.outputs = readValues(runtime, session, "output");
    } catch (error) {
      runtime.release("session", session);
      throw error;
    }
    const memory = this.#memory = new RunMemory(runtime);
    this.#inputNames = this.inputs.map(({ name }) => memory.place(cString(name)));
    this.#outputNames = new Map(
      this.outputs.map(({ name }) => [name, memory.place(cString(name))]),
    );
  }

  /**
   * Opens a model: a file (whose weights are mapped, not read), or bytes.
   *
   * @throws {OnnxError} `library-missing` or `library-version` where ONNX Runtime cannot be used,
   * `device-unavailable` where the device cannot, `model-invalid` where the model is refused.
   * @throws {RangeError} where the device's name, the number of threads, or the spin is not allowed.
   */
  static async open(
    model: string | URL | Uint8Array,
    options: SessionOptions = {},
  ): Promise<Session> {
    const { threads, spin = 0 } = options;
    if (!Number.isInteger(spin) || spin < 0 || spin > 1e6) {
      throw new RangeError(
        `Cannot open a model: found a spin of ${spin}, expected 0 to 1000000`,
      );
    }
    if (threads !== undefined && (!Number.isInteger(threads) || threads < 1 || threads > 1024)) {
      throw new RangeError(`Cannot open a model: found ${threads} threads, expected 1 to 1024`);
    }
    const { device } = await resolveDevice(options.device, options);
    const runtime = loadRuntime(await findLibrary(options.library, options.device));
    const settings = sessionOptions(runtime, parseDevice(device), options);
    try {
      const session = await createSession(runtime, model, settings);
      return new Session(runtime, session, device);
    } finally {
      runtime.release("sessionOptions", settings);
    }
  }

  /**
   * Runs the model. The tensors must not be changed or transferred until the run has ended.
   *
   * @param feeds a tensor for every input, by name
   * @throws {RangeError} where an input is missing or unknown, or a tensor's type or shape is not
   * the model's.
   * @throws {OnnxError} `run-failed` where the runtime ends the run, `session-closed` after close.
   */
  async run(feeds: Readonly<Tensors>, options: RunOptions = {}): Promise<Tensors> {
    options.signal?.throwIfAborted();
    if (this.#closed) throw new OnnxError("session-closed", "Cannot run: the session is closed");
    const outputs = valuesNamed(
      this.outputs,
      options.want ?? this.outputs.map((o) => o.name),
      "output",
    );
    this.#checkFeeds(feeds, options.outputs ?? {});
    using memory = new RunMemory(this.#runtime);
    const inputs = this.inputs.map(({ name }) => memory.wrap(feeds[name]!, `pass input ${name}`));
    const given = outputs.map(({ name }) => {
      const t = options.outputs?.[name];
      return t ? memory.wrapOutput(t, `pass output ${name}`) : null;
    });
    const results = memory.pointers(given);
    await this.#call(memory, memory.pointers(inputs), outputs, results, options.signal);
    memory.copyOutputs();
    return Object.fromEntries(outputs.map(({ name }, at) => {
      const t = options.outputs?.[name];
      if (t) return [name, t];
      const value = Deno.UnsafePointer.create(results[at]!)!;
      memory.adopt(value);
      return [name, this.#copy(value)];
    }));
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

  /** Calls `Run` on another thread; all that it reads and writes is in the runtime's memory. */
  async #call(
    memory: RunMemory,
    inputs: BigUint64Array,
    outputs: readonly ModelValue[],
    results: BigUint64Array,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const inputNames = memory.pointers(this.#inputNames.map((name) => Deno.UnsafePointer.of(name)));
    const outputNames = memory.pointers(
      outputs.map(({ name }) => Deno.UnsafePointer.of(this.#outputNames.get(name)!)),
    );
    using stop = new Terminator(this.#runtime, signal);
    this.#running++;
    try {
      await this.#runtime.callAsync(
        "run",
        "run-failed",
        "run the model",
        this.#session,
        stop.options,
        inputNames,
        inputs,
        BigInt(this.inputs.length),
        outputNames,
        BigInt(outputs.length),
        results,
      );
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      this.#running--;
      if (this.#closed) this.#release();
    }
  }

  /** Copies a tensor out of the runtime's memory. */
  #copy(value: Deno.PointerObject): Tensor {
    const [info, data] = [new Out(), new Out()];
    const doing = "read an output";
    this.#runtime.call("getTensorTypeAndShape", "run-failed", doing, value, info.cell);
    try {
      const { dtype, sizes } = readTypeAndSizes(this.#runtime, info.object, doing);
      const t = tensor(dtype, Array.from(sizes, Number));
      if (t.data.byteLength > 0) {
        this.#runtime.call("getTensorMutableData", "run-failed", doing, value, data.cell);
        new Deno.UnsafePointerView(data.object).copyInto(memoryOf(t));
      }
      return t;
    } finally {
      this.#runtime.release("tensorInfo", info.pointer);
    }
  }

  #release(): void {
    if (this.#running > 0) return;
    if (this.#session === null) return;
    this.#runtime.release("session", this.#session);
    this.#session = null;
    this.#memory[Symbol.dispose]();
  }

  /** Releases the model; runs under way end first. Closing twice is fine. */
  close(): void {
    this.#closed = true;
    this.#release();
  }

  /** Releases the model, as {@linkcode close} does. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** Calls `CreateSession`, on another thread: optimising a large graph takes a while. */
async function createSession(
  runtime: Runtime,
  model: string | URL | Uint8Array,
  settings: Deno.PointerObject,
): Promise<Deno.PointerObject> {
  using memory = new RunMemory(runtime);
  const cell = memory.pointers([null]);
  if (model instanceof Uint8Array) {
    const bytes = memory.place(model);
    const args = [runtime.env, bytes, BigInt(model.length), settings, cell] as const;
    await runtime.callAsync(
      "createSessionFromArray",
      "model-invalid",
      "open a model from bytes",
      ...args,
    );
  } else {
    const path = model instanceof URL ? builtin("node:url").fileURLToPath(model) : model;
    const args = [runtime.env, memory.place(cPath(path)), settings, cell] as const;
    await runtime.callAsync("createSession", "model-invalid", `open model ${path}`, ...args);
  }
  skipDestructors();
  return Deno.UnsafePointer.create(cell[0]!)!;
}
