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

/**
 * Native values of one run, and the memory that they point into, until they are released. The
 * memory is the runtime's own: a run may outlive the isolate that started it, where that ends by
 * an error, by `Deno.exit` or as a worker that is terminated.
 */
export class RunMemory implements Disposable {
  readonly #runtime: Runtime;
  readonly #values: Deno.PointerValue[] = [];
  readonly #blocks: Deno.PointerObject[] = [];
  readonly #outputs: (() => void)[] = [];

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** A copy of bytes in memory that stays where it is until the release. */
  place(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const out = new Out();
    const { allocator } = this.#runtime;
    const size = BigInt(Math.max(1, bytes.length));
    this.#runtime.call("allocatorAlloc", "run-failed", "take memory", allocator, size, out.cell);
    this.#blocks.push(out.object);
    const memory = new Uint8Array(
      Deno.UnsafePointerView.getArrayBuffer(out.object, bytes.length),
    );
    memory.set(bytes);
    return memory;
  }

  /** A list of pointers, for functions that take arrays of them. */
  pointers(list: readonly Deno.PointerValue[]): BigUint64Array<ArrayBuffer> {
    const { buffer } = this.place(new Uint8Array(8 * Math.max(1, list.length)));
    const array = new BigUint64Array(buffer);
    list.forEach((pointer, at) => array[at] = BigInt(Deno.UnsafePointer.value(pointer)));
    return array;
  }

  /** A tensor that the run writes to; {@linkcode copyOutputs} gives it what was written. */
  wrapOutput(t: Tensor, doing: string): Deno.PointerObject {
    return this.wrap(t, doing, (memory) => this.#outputs.push(() => memoryOf(t).set(memory)));
  }

  /** Gives the tensors of {@linkcode wrapOutput} what the run wrote. */
  copyOutputs(): void {
    for (const copy of this.#outputs) copy();
  }

  /** Makes a native tensor of a copy of the elements. */
  wrap(
    t: Tensor,
    doing: string,
    seen: (memory: Uint8Array<ArrayBuffer>) => void = () => {},
  ): Deno.PointerObject {
    const memory = this.place(memoryOf(t));
    seen(memory);
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
    this.adopt(out.pointer);
    return out.object;
  }

  /** Takes over a value that the runtime made. */
  adopt(value: Deno.PointerValue): void {
    this.#values.push(value);
  }

  [Symbol.dispose](): void {
    for (const value of this.#values) this.#runtime.release("value", value);
    const { allocator } = this.#runtime;
    for (const block of this.#blocks) {
      this.#runtime.call("allocatorFree", "run-failed", "free memory", allocator, block);
    }
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
