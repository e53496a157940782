/**
 * A model in ONNX Runtime's library, in this process.
 *
 * @module
 */
import { builtin } from "@vcs/transport/internal";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { parseDevice, resolveDevice } from "../devices.ts";
import type { Engine, RunOptions, Tensors } from "./engine.ts";
import { findLibrary } from "./library.ts";
import { type ModelValue, readTypeAndSizes, readValues } from "./model_io.ts";
import { cPath, cString, loadRuntime, Out, type Runtime, skipDestructors } from "./ort.ts";
import { sessionOptions, type ThreadOptions } from "./providers.ts";
import { memoryOf, RunMemory, Terminator } from "./run_memory.ts";
import { prepareMemory, trimMemory } from "./trim.ts";

/** How a model is opened. */
interface LocalOptions extends ThreadOptions {
  readonly device?: string;
  readonly library?: string;
}

/** A model that the library holds ready. */
export class LocalModel implements Engine {
  readonly inputs: readonly ModelValue[];
  readonly outputs: readonly ModelValue[];
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

  /** Opens a model: a file (whose weights are mapped, not read), or bytes. */
  static async open(
    model: string | URL | Uint8Array,
    options: LocalOptions,
  ): Promise<LocalModel> {
    prepareMemory();
    const { device } = await resolveDevice(options.device, options);
    const runtime = loadRuntime(await findLibrary(options.library, options.device));
    const settings = sessionOptions(runtime, parseDevice(device), options);
    try {
      const session = await createSession(runtime, model, settings);
      return new LocalModel(runtime, session, device);
    } finally {
      runtime.release("sessionOptions", settings);
      trimMemory();
    }
  }

  async run(
    feeds: Readonly<Tensors>,
    outputs: readonly ModelValue[],
    options: RunOptions,
  ): Promise<Tensors> {
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
    trimMemory();
    this.#memory[Symbol.dispose]();
  }

  close(): void {
    this.#closed = true;
    this.#release();
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
