/**
 * Tensors of PyTorch as a pickle describes them: a storage, and a strided view of it.
 *
 * @module
 */
import { type DType, dtypeSize, tensorByteLength } from "@vcs/transport/tensor";
import { stridedSpan } from "@vcs/transport/portable";
import { OnnxError } from "../errors.ts";

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
  /** Its bytes, little-endian, where they stand in the pickle itself. */
  readonly bytes?: Uint8Array;
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
   * @throws {OnnxError} `checkpoint-invalid`: the view leaves its storage, or repeats so few
   * elements so often that it is an attack
   */
  constructor(readonly storage: TorchStorage, readonly view: TorchView) {
    checkRank(view);
    this.span = stridedSpan(view.shape, view.strides);
    checkView(storage, view, this.span);
  }
}

/** Largest tensor that may take more bytes than its storage (by strides of zero). */
const MAX_EXPANDED = 1 << 26;
/** Most axes: PyTorch has the same bound. */
const MAX_AXES = 64;

function invalid(what: string): OnnxError {
  return new OnnxError("checkpoint-invalid", `Cannot read a tensor of the checkpoint: ${what}`);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function checkRank({ shape, strides, offset }: TorchView): void {
  if (shape.length !== strides.length || shape.length > MAX_AXES) {
    throw invalid(
      `${shape.length} sizes and ${strides.length} strides; as many of both, at most ${MAX_AXES}`,
    );
  }
  if ([...shape, ...strides, offset].every(isCount)) return;
  throw invalid(
    `sizes [${shape}], strides [${strides}], offset ${offset}: each must be a whole number of zero or more`,
  );
}

function checkView(storage: TorchStorage, view: TorchView, span: number): void {
  const { shape, offset, dtype } = view;
  const bytes = checkedBytes(dtype, shape);
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

function checkedBytes(dtype: DType, shape: readonly number[]): number {
  try {
    return tensorByteLength(dtype, shape);
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause));
  }
}
