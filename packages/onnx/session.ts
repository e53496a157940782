/**
 * Running models: a session holds a model ready on a device, and a run gives it named tensors and
 * takes named tensors from it. Runs happen on threads of the runtime, so the event loop goes on;
 * two runs of one session may overlap and share one copy of the weights.
 *
 * @example Build a graph, run it
 * ```ts
 * import { GraphBuilder } from "@vcs/onnx/graph";
 * import { modelBytes } from "@vcs/onnx/model";
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
import { fileURLToPath } from "node:url";
import { type DType, type Tensor, tensor } from "@vcs/transport/tensor";
import { parseDevice, resolveDevice } from "./devices.ts";
import type { Dim } from "./dims.ts";
import { OnnxError } from "./errors.ts";
import { findLibrary } from "./library.ts";
import { elementType, elementTypeOf } from "./model.ts";
import {
  cPath,
  cString,
  loadRuntime,
  Out,
  pointerArray,
  readCString,
  type Runtime,
} from "./ort.ts";
import { sessionOptions } from "./providers.ts";

/** An input or output of a model. */
export interface Port {
  /** Its name. */
  readonly name: string;
  /** Element type. */
  readonly dtype: DType;
  /** Size of each axis; a name, or `?`, for one that a run decides. */
  readonly shape: readonly Dim[];
}

/** Settings of a session. */
export interface SessionOptions {
  /** `auto`, `cpu`, `cuda`, `cuda:N` or `webgpu`; `auto` where none is given. */
  device?: string;
  /** Threads of a run on the CPU; one per core where none is given. */
  threads?: number;
  /** Path of ONNX Runtime's shared library; the npm package's where none is given. */
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

/** A tensor's bytes, in memory that the collector does not move. */
function memoryOf(t: Tensor): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = t.data;
  if (!(buffer instanceof ArrayBuffer)) {
    throw new TypeError(
      "Cannot use a tensor: its elements lie in a SharedArrayBuffer, allowed is an ArrayBuffer",
    );
  }
  return byteLength === 0 ? new Uint8Array(8) : new Uint8Array(buffer, byteOffset, byteLength);
}

/** Native values of one run, and the memory that they point into, until they are released. */
class RunMemory implements Disposable {
  readonly #runtime: Runtime;
  readonly #values: Deno.PointerValue[] = [];
  /** Memory that native code reads or writes; held here so that it is not collected. */
  readonly held: (Uint8Array | BigUint64Array | BigInt64Array)[] = [];

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Wraps a tensor's memory. */
  wrap(t: Tensor, doing: string): Deno.PointerObject {
    const memory = memoryOf(t);
    const shape = new BigInt64Array(new ArrayBuffer(8 * t.shape.length));
    t.shape.forEach((size, axis) => shape[axis] = BigInt(size));
    const out = new Out();
    this.#runtime.call(
      "createTensorWithData",
      "run_failed",
      doing,
      this.#runtime.cpuMemory,
      memory,
      BigInt(t.data.byteLength),
      shape,
      BigInt(t.shape.length),
      elementType(t.dtype),
      out.cell,
    );
    this.held.push(memory, shape);
    this.adopt(out.pointer);
    return out.object;
  }

  /** Takes over a value that the runtime made. */
  adopt(value: Deno.PointerValue): void {
    this.#values.push(value);
  }

  [Symbol.dispose](): void {
    for (const value of this.#values) this.#runtime.release("value", value);
  }
}

/** Element type and sizes of an `OrtTensorTypeAndShapeInfo`; -1 is a size that a run decides. */
function readTypeAndSizes(
  runtime: Runtime,
  info: Deno.PointerObject,
  doing: string,
): { dtype: DType; sizes: BigInt64Array } {
  const code = new Int32Array(new ArrayBuffer(4));
  const rank = new Out();
  runtime.call("getTensorElementType", "run_failed", doing, info, code);
  runtime.call("getDimensionsCount", "run_failed", doing, info, rank.cell);
  const sizes = new BigInt64Array(new ArrayBuffer(8 * rank.size));
  runtime.call("getDimensions", "run_failed", doing, info, sizes, BigInt(rank.size));
  const dtype = elementTypeOf(code[0]!);
  if (dtype === undefined) {
    throw new OnnxError(
      "model_invalid",
      `Cannot ${doing}: found element type ${code[0]}, which tensors of ours do not have`,
    );
  }
  return { dtype, sizes };
}

/** Element type and shape with the names of open axes. */
function readNamedShape(
  runtime: Runtime,
  info: Deno.PointerObject,
  doing: string,
): Omit<Port, "name"> {
  const { dtype, sizes } = readTypeAndSizes(runtime, info, doing);
  const names = new BigUint64Array(new ArrayBuffer(8 * sizes.length));
  runtime.call("getSymbolicDimensions", "run_failed", doing, info, names, BigInt(sizes.length));
  const shape = Array.from(
    sizes,
    (size, axis) =>
      size >= 0n ? Number(size) : readCString(Deno.UnsafePointer.create(names[axis]!)) || "?",
  );
  return { dtype, shape };
}

/** Calls that tell about one side of a model. */
const SIDES = {
  input: {
    count: "sessionGetInputCount",
    name: "sessionGetInputName",
    type: "sessionGetInputTypeInfo",
  },
  output: {
    count: "sessionGetOutputCount",
    name: "sessionGetOutputName",
    type: "sessionGetOutputTypeInfo",
  },
} as const;

/** One input or output of a model. */
function readPort(
  runtime: Runtime,
  session: Deno.PointerObject,
  side: keyof typeof SIDES,
  at: number,
): Port {
  const doing = `read ${side} ${at} of the model`;
  const [name, type, info] = [new Out(), new Out(), new Out()];
  const calls = SIDES[side];
  runtime.call(
    calls.name,
    "model_invalid",
    doing,
    session,
    BigInt(at),
    runtime.allocator,
    name.cell,
  );
  const text = readCString(name.pointer);
  runtime.call("allocatorFree", "model_invalid", doing, runtime.allocator, name.pointer);
  runtime.call(calls.type, "model_invalid", doing, session, BigInt(at), type.cell);
  try {
    runtime.call("castTypeInfoToTensorInfo", "model_invalid", doing, type.pointer, info.cell);
    if (info.pointer === null) {
      throw new OnnxError("model_invalid", `Cannot ${doing}: ${text} is not a tensor`);
    }
    return { name: text, ...readNamedShape(runtime, info.object, doing) };
  } finally {
    runtime.release("typeInfo", type.pointer);
  }
}

function readPorts(
  runtime: Runtime,
  session: Deno.PointerObject,
  side: keyof typeof SIDES,
): Port[] {
  const count = new Out();
  runtime.call(
    SIDES[side].count,
    "model_invalid",
    `read the model's ${side}s`,
    session,
    count.cell,
  );
  return Array.from({ length: count.size }, (_, at) => readPort(runtime, session, side, at));
}

/** Whether a tensor fits a port. */
function checkTensor(what: string, port: Port, t: Tensor): void {
  const fits = t.shape.length === port.shape.length &&
    port.shape.every((size, axis) => typeof size === "string" || size === t.shape[axis]);
  if (t.dtype !== port.dtype || !fits) {
    throw new RangeError(
      `Cannot run: ${what} ${port.name} is ${t.dtype} [${
        t.shape.join(", ")
      }], the model takes ${port.dtype} [${port.shape.join(", ")}]`,
    );
  }
}

/** The ports of these names, in this order. */
function portsNamed(ports: readonly Port[], names: readonly string[], what: string): Port[] {
  return names.map((name) => {
    const port = ports.find((candidate) => candidate.name === name);
    if (port === undefined) {
      throw new RangeError(
        `Cannot run: found ${what} ${JSON.stringify(name)}, the model has ${
          ports.map((x) => x.name).join(", ")
        }`,
      );
    }
    return port;
  });
}

/** A model made ready on a device. Release it with `using` or {@linkcode Session.close}. */
export class Session implements Disposable {
  /** Inputs of the model. */
  readonly inputs: readonly Port[];
  /** Outputs of the model. */
  readonly outputs: readonly Port[];
  /** Device that the model runs on. */
  readonly device: string;
  readonly #runtime: Runtime;
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
      this.inputs = readPorts(runtime, session, "input");
      this.outputs = readPorts(runtime, session, "output");
    } catch (error) {
      runtime.release("session", session);
      throw error;
    }
    this.#inputNames = this.inputs.map((port) => cString(port.name));
    this.#outputNames = new Map(this.outputs.map((port) => [port.name, cString(port.name)]));
  }

  /**
   * Opens a model: a file (whose weights are mapped, not read), or bytes.
   *
   * @throws {OnnxError} `library_missing` or `library_version` where ONNX Runtime cannot be used,
   * `device_unavailable` where the device cannot, `model_invalid` where the model is refused.
   * @throws {RangeError} where the device's name or the number of threads is not allowed.
   */
  static async open(
    model: string | URL | Uint8Array,
    options: SessionOptions = {},
  ): Promise<Session> {
    const { threads } = options;
    if (threads !== undefined && (!Number.isInteger(threads) || threads < 1 || threads > 1024)) {
      throw new RangeError(`Cannot open a model: found ${threads} threads, allowed are 1 to 1024`);
    }
    const { device } = await resolveDevice(options.device, options);
    const runtime = loadRuntime(await findLibrary(options.library));
    const settings = sessionOptions(runtime, parseDevice(device), threads);
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
   * @throws {OnnxError} `run_failed` where the runtime ends the run, `session_closed` after close.
   */
  async run(feeds: Readonly<Tensors>, options: RunOptions = {}): Promise<Tensors> {
    options.signal?.throwIfAborted();
    if (this.#closed) throw new OnnxError("session_closed", "Cannot run: the session is closed");
    const outputs = portsNamed(
      this.outputs,
      options.want ?? this.outputs.map((o) => o.name),
      "output",
    );
    this.#checkFeeds(feeds, options.outputs ?? {});
    using memory = new RunMemory(this.#runtime);
    const inputs = this.inputs.map(({ name }) => memory.wrap(feeds[name]!, `pass input ${name}`));
    const given = outputs.map(({ name }) => {
      const t = options.outputs?.[name];
      return t ? memory.wrap(t, `pass output ${name}`) : null;
    });
    const results = pointerArray(given);
    await this.#call(memory, pointerArray(inputs), outputs, results, options.signal);
    return Object.fromEntries(outputs.map(({ name }, at) => {
      const t = options.outputs?.[name];
      if (t) return [name, t];
      const value = Deno.UnsafePointer.create(results[at]!)!;
      memory.adopt(value);
      return [name, this.#copy(value)];
    }));
  }

  #checkFeeds(feeds: Readonly<Tensors>, given: Readonly<Tensors>): void {
    portsNamed(this.inputs, Object.keys(feeds), "input");
    for (const port of this.inputs) {
      const t = feeds[port.name];
      if (t === undefined) {
        throw new RangeError(`Cannot run: input ${port.name} is missing`);
      }
      checkTensor("input", port, t);
    }
    for (const port of portsNamed(this.outputs, Object.keys(given), "output")) {
      checkTensor("output", port, given[port.name]!);
    }
  }

  /** Calls `Run` on another thread and holds everything that it reads until it returns. */
  async #call(
    memory: RunMemory,
    inputs: BigUint64Array,
    outputs: readonly Port[],
    results: BigUint64Array,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const inputNames = pointerArray(this.#inputNames.map((name) => Deno.UnsafePointer.of(name)));
    const outputNames = pointerArray(
      outputs.map(({ name }) => Deno.UnsafePointer.of(this.#outputNames.get(name)!)),
    );
    memory.held.push(inputs, inputNames, outputNames, results);
    using stop = new Terminator(this.#runtime, signal);
    this.#running++;
    try {
      await this.#runtime.callAsync(
        "run",
        "run_failed",
        "run the model",
        this.#session,
        stop.options,
        inputNames,
        inputs,
        BigInt(inputs.length),
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
    this.#runtime.call("getTensorTypeAndShape", "run_failed", doing, value, info.cell);
    try {
      const { dtype, sizes } = readTypeAndSizes(this.#runtime, info.object, doing);
      const t = tensor(dtype, Array.from(sizes, Number));
      if (t.data.byteLength > 0) {
        this.#runtime.call("getTensorMutableData", "run_failed", doing, value, data.cell);
        new Deno.UnsafePointerView(data.object).copyInto(memoryOf(t));
      }
      return t;
    } finally {
      this.#runtime.release("tensorInfo", info.pointer);
    }
  }

  #release(): void {
    if (this.#running > 0) return;
    this.#runtime.release("session", this.#session);
    this.#session = null;
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

/** Run options that end a run when a signal says so; none are made without a signal. */
class Terminator implements Disposable {
  readonly #runtime: Runtime;
  readonly #signal: AbortSignal | undefined;
  readonly options: Deno.PointerValue = null;

  constructor(runtime: Runtime, signal: AbortSignal | undefined) {
    this.#runtime = runtime;
    this.#signal = signal;
    if (signal === undefined) return;
    const out = new Out();
    runtime.call("createRunOptions", "run_failed", "make run options", out.cell);
    this.options = out.pointer;
    signal.addEventListener("abort", this.#terminate);
  }

  readonly #terminate = () =>
    this.#runtime.call("runOptionsSetTerminate", "run_failed", "end the run", this.options);

  [Symbol.dispose](): void {
    this.#signal?.removeEventListener("abort", this.#terminate);
    this.#runtime.release("runOptions", this.options);
  }
}

/** Calls `CreateSession`, on another thread: optimising a large graph takes a while. */
async function createSession(
  runtime: Runtime,
  model: string | URL | Uint8Array,
  settings: Deno.PointerObject,
): Promise<Deno.PointerObject> {
  const out = new Out();
  if (model instanceof Uint8Array) {
    const args = [runtime.env, model, BigInt(model.length), settings, out.cell] as const;
    await runtime.callAsync(
      "createSessionFromArray",
      "model_invalid",
      "open a model from bytes",
      ...args,
    );
  } else {
    const path = model instanceof URL ? fileURLToPath(model) : model;
    const args = [runtime.env, cPath(path), settings, out.cell] as const;
    await runtime.callAsync("createSession", "model_invalid", `open model ${path}`, ...args);
  }
  return out.object;
}
