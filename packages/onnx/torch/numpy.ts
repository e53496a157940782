/**
 * NumPy's arrays and scalars in pickles, read as data: `ndarray.__reduce__` and `__reduce_ex__(5)`,
 * `generic.__reduce__`, `dtype.__reduce__` of `numpy/_core/src/multiarray`.
 *
 * @module
 */
import { packedStrides, swapByteOrder } from "@vcs/transport/portable";
import { type DType, dtypeSize, tensorFromBytes } from "@vcs/transport/tensor";
import { toFloat } from "../graph/weights.ts";
import type { CheckpointValue } from "./checkpoint_names.ts";
import { PickleObject, PickleTuple } from "./pickle_values.ts";
import { TorchTensor } from "./tensor.ts";

/** Element types by NumPy's letter and number of bytes. */
const DTYPES: Readonly<Record<string, DType>> = {
  ...{ b1: "BOOL", i1: "I8", i2: "I16", i4: "I32", i8: "I64" },
  ...{ u1: "U8", u2: "U16", u4: "U32", u8: "U64", f2: "F16", f4: "F32", f8: "F64", c8: "C64" },
};

/** What makes arrays and scalars, in NumPy 1 and 2. */
const MAKERS =
  /^numpy\._?core\.(multiarray\._reconstruct|numeric\._frombuffer|multiarray\.scalar)$/;

/** An element type, as far as it is read. */
interface NumpyType {
  /** NumPy's own word. */
  readonly code: string;
  readonly dtype: DType | undefined;
  readonly bigEndian: boolean;
}

function typeOf(value: unknown): NumpyType | undefined {
  if (!(value instanceof PickleObject) || value.className !== "numpy.dtype") return undefined;
  const [code] = value.args;
  if (typeof code !== "string") return undefined;
  const state = value.attributes.get("");
  const order = state instanceof PickleTuple ? state.items[1] : undefined;
  const dtype = Object.hasOwn(DTYPES, code) ? DTYPES[code] : undefined;
  return { code, dtype, bigEndian: order === ">" };
}

/** Little-endian bytes. */
function littleEndian(dtype: DType, bytes: Uint8Array, bigEndian: boolean): Uint8Array {
  if (!bigEndian) return bytes;
  const own = new Uint8Array(bytes);
  swapByteOrder(dtype, own);
  return own;
}

/** What stands for values that are not read: they must not vanish without a word. */
function unread(what: string): string {
  return `${what} of NumPy, not read`;
}

function array(shape: unknown, type: unknown, fortran: boolean, raw: unknown) {
  const sizes = shape instanceof PickleTuple ? shape.items as number[] : [];
  const { code, dtype, bigEndian } = typeOf(type) ?? { code: "structures", bigEndian: false };
  if (dtype === undefined || !(raw instanceof Uint8Array)) return unread(`array of ${code}`);
  const bytes = littleEndian(dtype, raw, bigEndian);
  const strides = fortran ? packedStrides([...sizes].reverse()).reverse() : packedStrides(sizes);
  const storage = { key: "of NumPy", dtype, byteOffset: 0, byteLength: bytes.length, bytes };
  return new TorchTensor(storage, { dtype, shape: sizes, strides, offset: 0 });
}

function scalar(type: unknown, raw: unknown): CheckpointValue {
  const { code, dtype, bigEndian } = typeOf(type) ?? { code: "structure", bigEndian: false };
  const isRead = dtype !== undefined && dtype !== "C64" && raw instanceof Uint8Array &&
    raw.length === dtypeSize(dtype);
  if (!isRead) return unread(`scalar ${code}`);
  const value = tensorFromBytes(dtype, [], littleEndian(dtype, raw, bigEndian));
  const [number = 0] = (dtype === "F16" ? toFloat(value, "F32") : value).data;
  return dtype === "BOOL" ? number !== 0 : number;
}

/**
 * An array of NumPy as a tensor whose bytes are in memory, a scalar as a plain value. Those of other
 * types (texts, times, structures) become a text that says so.
 *
 * @returns undefined if the object is none of these, or an array of Python's objects
 * @throws {OnnxError} `checkpoint-invalid`: the array has fewer bytes than its shape takes
 */
export function fromNumpy(
  { className, args, attributes }: PickleObject,
): TorchTensor | CheckpointValue | undefined {
  const maker = MAKERS.exec(className)?.[1];
  if (maker === "multiarray.scalar") return scalar(args[0], args[1]);
  if (maker === "numeric._frombuffer") return array(args[2], args[1], args[3] === "F", args[0]);
  if (maker === undefined) return undefined;
  const state = attributes.get("");
  // Before them stands a version; it once did not.
  const [shape, type, fortran, raw] = state instanceof PickleTuple ? state.items.slice(-4) : [];
  return Array.isArray(raw) ? undefined : array(shape, type, fortran === true, raw);
}
