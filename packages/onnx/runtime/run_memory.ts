/**
 * What one run needs of native memory, and what ends it early: made before the run, released after.
 *
 * @module
 */
import { onAbort } from "@vcs/transport/internal";
import type { Tensor } from "@vcs/transport/tensor";
import { elementType } from "../graph/model.ts";
import { Out, type Runtime } from "./ort.ts";

/** A tensor's bytes, in memory that the collector does not move. */
export function memoryOf(t: Tensor): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = t.data;
  if (!(buffer instanceof ArrayBuffer)) {
    throw new TypeError(
      "Cannot use a tensor: its elements lie in a SharedArrayBuffer, expected an ArrayBuffer",
    );
  }
  return byteLength === 0 ? new Uint8Array(8) : new Uint8Array(buffer, byteOffset, byteLength);
}

/** Native values of one run, and the memory that they point into, until they are released. */
export class RunMemory implements Disposable {
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
      "run-failed",
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

/** Run options that end a run when a signal says so; none are made without a signal. */
export class Terminator implements Disposable {
  readonly #runtime: Runtime;
  readonly #aborting: Disposable | undefined;
  readonly options: Deno.PointerValue = null;

  constructor(runtime: Runtime, signal: AbortSignal | undefined) {
    this.#runtime = runtime;
    if (signal === undefined) return;
    const out = new Out();
    runtime.call("createRunOptions", "run-failed", "make run options", out.cell);
    this.options = out.pointer;
    this.#aborting = onAbort(
      signal,
      () => runtime.call("runOptionsSetTerminate", "run-failed", "end the run", this.options),
    );
  }

  [Symbol.dispose](): void {
    this.#aborting?.[Symbol.dispose]();
    this.#runtime.release("runOptions", this.options);
  }
}
