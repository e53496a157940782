/**
 * Writes PyTorch's `.pt` files, so that `torch.load(path, weights_only=True)` opens them. Reading
 * them is left to `@vcs/onnx/checkpoint`; nothing should be read from a wire that way.
 *
 * The file is a zip archive with the tensors' bytes as stored entries and a pickle (protocol 2,
 * PEP 307) that names only `torch._utils._rebuild_tensor_v2`, the storage classes and
 * `collections.OrderedDict`, as `torch.save` writes it.
 *
 * @example
 * ```ts
 * import { encodePt } from "@vcs/transport";
 * import { tensor } from "@vcs/transport/tensor";
 *
 * const bytes = encodePt(tensor("F32", [2, 2], new Float32Array([1, 2, 3, 4])));
 * // Deno.writeFileSync("quant.pt", bytes), then in Python: torch.load("quant.pt")
 * ```
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import { concatBytes } from "../io/bytes.ts";
import { type DType, elementCount, type Tensor, tensorBytes } from "../tensor.ts";
import { storedZip } from "./zip_writer.ts";

/** PyTorch's storage class of each dtype that has one. */
const STORAGES: Partial<Record<DType, string>> = {
  BOOL: "BoolStorage",
  U8: "ByteStorage",
  I8: "CharStorage",
  I16: "ShortStorage",
  I32: "IntStorage",
  I64: "LongStorage",
  F16: "HalfStorage",
  BF16: "BFloat16Storage",
  F32: "FloatStorage",
  F64: "DoubleStorage",
  C64: "ComplexFloatStorage",
};

/**
 * Makes a `.pt` file in memory: of one tensor, or of a dictionary of tensors.
 *
 * @throws {TransportError} `unsupported` for dtypes without a storage class in PyTorch.
 */
export function encodePt(content: Tensor | ReadonlyMap<string, Tensor>): Uint8Array<ArrayBuffer> {
  const tensors = content instanceof Map ? [...content.values()] : [content as Tensor];
  const body = content instanceof Map
    ? dictionary([...content.keys()], tensors)
    : rebuild(content as Tensor, 0);
  const text = (value: string) => new TextEncoder().encode(value);
  return storedZip([
    { name: "archive/data.pkl", parts: [bytes(op.protocol2, body, op.stop)] },
    { name: "archive/byteorder", parts: [text("little")] },
    { name: "archive/version", parts: [text("3\n")] },
    ...tensors.map((tensor, i) => ({ name: `archive/data/${i}`, parts: [tensorBytes(tensor)] })),
  ]);
}

type Part = readonly number[] | Uint8Array;

/** Opcodes of the pickle machine. */
const op = {
  protocol2: [0x80, 2],
  mark: [0x28],
  tuple: [0x74],
  emptyTuple: [0x29],
  emptyDict: [0x7d],
  setItems: [0x75],
  reduce: [0x52],
  persistentId: [0x51],
  false: [0x89],
  stop: [0x2e],
} as const;

function dictionary(names: string[], tensors: Tensor[]): Uint8Array {
  const items = names.flatMap((name, i) => [unicode(name), rebuild(tensors[i]!, i)]);
  return bytes(op.emptyDict, op.mark, ...items, op.setItems);
}

/** `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)` */
function rebuild(tensor: Tensor, index: number): Uint8Array {
  const strides = tensor.shape.map((_, axis) => elementCount(tensor.shape.slice(axis + 1)));
  return bytes(
    global("torch._utils", "_rebuild_tensor_v2"),
    op.mark,
    storage(tensor, index),
    integer(0),
    tuple(tensor.shape.map(integer)),
    tuple(strides.map(integer)),
    op.false,
    global("collections", "OrderedDict"),
    op.emptyTuple,
    op.reduce,
    op.tuple,
    op.reduce,
  );
}

function storage({ dtype, shape }: Tensor, index: number): Uint8Array {
  const name = STORAGES[dtype];
  if (name === undefined) {
    throw new TransportError("unsupported", `Cannot write ${dtype} to a .pt file: no such storage`);
  }
  const parts = [unicode("storage"), global("torch", name), unicode(String(index)), unicode("cpu")];
  return bytes(tuple([...parts, integer(elementCount(shape))]), op.persistentId);
}

function tuple(items: Part[]): Uint8Array {
  return bytes(op.mark, ...items, op.tuple);
}

function global(module: string, name: string): Uint8Array {
  return bytes([0x63], new TextEncoder().encode(`${module}\n${name}\n`));
}

function unicode(text: string): Uint8Array {
  const encoded = new TextEncoder().encode(text);
  return bytes([0x58], little(encoded.length, 4), encoded);
}

/** A 31-bit integer, or a long of eight bytes. */
function integer(value: number): Uint8Array {
  return value < 2 ** 31 ? bytes([0x4a], little(value, 4)) : bytes([0x8a, 8], little(value, 8));
}

function little(value: number, size: number): Uint8Array {
  const buffer = new Uint8Array(8);
  new DataView(buffer.buffer).setBigUint64(0, BigInt(value), true);
  return buffer.subarray(0, size);
}

function bytes(...parts: Part[]): Uint8Array<ArrayBuffer> {
  return concatBytes(parts.map((part) => Uint8Array.from(part)));
}
