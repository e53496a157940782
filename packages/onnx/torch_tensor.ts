/**
 * Tensors of PyTorch as a pickle describes them: a storage, and a strided view of it.
 *
 * @module
 */
import {
  type DType,
  dtypeSize,
  elementCount,
  type Tensor,
  tensorFromBytes,
} from "@vcs/transport/tensor";
import { OnnxError } from "./errors.ts";

/** A run of bytes in a checkpoint that one or several tensors look at. */
export interface TorchStorage {
  /** Name of the record that holds the bytes. */
  readonly key: string;
  /** Element type, or undefined for untyped bytes: then the tensor says what they are. */
  readonly dtype: DType | undefined;
  /** First byte within the record: legacy files have storages inside storages. */
  readonly byteOffset: number;
  /** Number of bytes. */
  readonly byteLength: number;
}

/** A view of a storage. */
export interface TorchView {
  /** Element type. */
  readonly dtype: DType;
  /** Size of each axis. */
  readonly shape: readonly number[];
  /** Step of each axis in elements. */
  readonly strides: readonly number[];
  /** First element, counted in the storage. */
  readonly offset: number;
}

/** A tensor whose bytes have not been read. */
export class TorchTensor {
  /** Elements of the storage that the tensor spans, from the first to behind the last. */
  readonly span: number;

  /**
   * Checks a view against its storage.
   *
   * @throws {OnnxError} `checkpoint_invalid`: the view leaves its storage, or repeats so few
   * elements so often that it is an attack
   */
  constructor(readonly storage: TorchStorage, readonly view: TorchView) {
    this.span = spanOf(view);
    checkView(storage, view, this.span);
  }
}

/** Largest tensor that may take more bytes than its storage (by strides of zero). */
const MAX_EXPANDED = 1 << 26;

function invalid(what: string): OnnxError {
  return new OnnxError("checkpoint_invalid", `Cannot read a tensor of the checkpoint: ${what}`);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function spanOf({ shape, strides }: TorchView): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((span, size, axis) => span + (size - 1) * strides[axis]!, 1);
}

function checkView(storage: TorchStorage, view: TorchView, span: number): void {
  const { shape, strides, offset, dtype } = view;
  if (shape.length !== strides.length) {
    throw invalid(`${shape.length} sizes and ${strides.length} strides`);
  }
  if (![...shape, ...strides, offset].every(isCount)) {
    throw invalid(
      `sizes [${shape}], strides [${strides}], offset ${offset}: each must be a whole number of zero or more`,
    );
  }
  const bytes = checkedCount(shape) * dtypeSize(dtype);
  const end = (offset + span) * dtypeSize(dtype);
  if (!Number.isSafeInteger(end) || (span > 0 && end > storage.byteLength)) {
    throw invalid(
      `it ends at byte ${end} of storage ${storage.key} of ${storage.byteLength} bytes`,
    );
  }
  if (bytes > Math.max(storage.byteLength, MAX_EXPANDED)) {
    throw invalid(`${bytes} bytes expanded from a storage of ${storage.byteLength} bytes`);
  }
}

function checkedCount(shape: readonly number[]): number {
  try {
    return elementCount(shape);
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause));
  }
}

/** Strides of a shape in C order. */
function packedStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis]!;
  }
  return strides;
}

/** Whether the elements lie in C order without gaps; axes of one element may have any stride. */
export function isPacked({ shape, strides }: TorchView): boolean {
  const packed = packedStrides(shape);
  return shape.every((size, axis) => size === 1 || strides[axis] === packed[axis]);
}

/** Swaps the bytes of each element in place: storages of big-endian machines. */
export function swapBytes(bytes: Uint8Array, dtype: DType): void {
  const width = dtype === "C64" ? 4 : dtypeSize(dtype);
  if (width < 2) return;
  for (let at = 0; at + width <= bytes.length; at += width) {
    bytes.subarray(at, at + width).reverse();
  }
}

const WIDTHS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array } as const;

/**
 * Makes a packed tensor of the bytes of a view's span.
 *
 * @param view what to gather
 * @param bytes the span's bytes, freshly read: a packed tensor keeps them
 */
export function gather(view: TorchView, bytes: Uint8Array<ArrayBuffer>): Tensor {
  const { dtype, shape } = view;
  if (isPacked(view)) return tensorFromBytes(dtype, shape, bytes);
  const width = dtypeSize(dtype) as keyof typeof WIDTHS;
  const Class = WIDTHS[width];
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  const from = new Class(aligned.buffer, aligned.byteOffset, aligned.length / width);
  const to = new Class(elementCount(shape));
  copyStrided(from as Uint8Array, to as Uint8Array, view);
  return tensorFromBytes(dtype, shape, new Uint8Array(to.buffer));
}

/** Walks the view in C order; the innermost axis is a plain loop. */
function copyStrided(from: Uint8Array, to: Uint8Array, { shape, strides }: TorchView): void {
  const axes = shape.length - 1;
  const inner = shape[axes]!;
  const step = strides[axes]!;
  const counter = new Array<number>(axes).fill(0);
  let base = 0;
  for (let at = 0; at < to.length;) {
    for (let i = 0; i < inner; i++) to[at++] = from[base + i * step]!;
    for (let axis = axes - 1; axis >= 0; axis--) {
      base += strides[axis]!;
      if (++counter[axis]! < shape[axis]!) break;
      base -= strides[axis]! * shape[axis]!;
      counter[axis] = 0;
    }
  }
}
