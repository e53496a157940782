/**
 * Graphs as ONNX models: as bytes, for small ones, or as a file with the weights beside it, which
 * the runtime maps into memory and reads from there. Weights are read, converted and written one
 * by one, so that writing takes the memory of the largest of them, not of all.
 *
 * The numbers of fields and element types are those of `onnx.proto` (IR version 10).
 *
 * @example A model as bytes
 * ```ts
 * import { GraphBuilder } from "@vcs/onnx/graph";
 * import { modelBytes } from "@vcs/onnx";
 * import assert from "node:assert/strict";
 *
 * const g = new GraphBuilder("double");
 * g.output("y", g.mul(g.input("x", "F32", ["N"]), 2));
 * assert.ok((await modelBytes(g)).length < 200);
 * ```
 *
 * @module
 */
import {
  type DType,
  dtypeSize,
  elementCount,
  type Tensor,
  tensorBytes,
} from "@vcs/transport/tensor";
import { syncFile, writeAll } from "@vcs/transport/portable";
import type { Dim } from "./dims.ts";
import type { Attribute, GraphCore, GraphNode, GraphWeight, Value, WeightSource } from "./core.ts";
import { Message } from "./protobuf.ts";
import { toFloat } from "./weights.ts";

/** Version of the ONNX operator set that every graph of ours is written in. */
export const OPSET = 21;

/** Version of the model format that goes with {@linkcode OPSET}. */
const IR_VERSION = 10;

/** Weights up to this many bytes stay inside the model file, where shape inference sees them. */
const INLINE_BYTES = 1024;

/** Weights in memory of up to this many bytes, as tables are, count as part of the description. */
const OUTLINE_BYTES = 1 << 20;

/** Weights begin at multiples of a memory page, so that the runtime can map them. */
const PAGE = 4096;

/** Numbers of the element types in `TensorProto.DataType`. */
const ELEMENT_TYPES: { readonly [D in DType]?: number } = {
  F32: 1,
  U8: 2,
  I8: 3,
  U16: 4,
  I16: 5,
  I32: 6,
  I64: 7,
  BOOL: 9,
  F16: 10,
  F64: 11,
  U32: 12,
  U64: 13,
  C64: 14,
  BF16: 16,
  F8_E4M3: 17,
  F8_E5M2: 19,
  F8_E4M3FNUZ: 18,
  F8_E5M2FNUZ: 20,
  F8_E8M0: 24,
};

/**
 * Number of an element type in a model.
 *
 * @throws {TypeError} where ONNX has no such type.
 */
export function elementType(dtype: DType): number {
  const code = ELEMENT_TYPES[dtype];
  if (code === undefined) {
    throw new TypeError(
      `Cannot use ${dtype} in a model: expected ${Object.keys(ELEMENT_TYPES).join(", ")}`,
    );
  }
  return code;
}

/** The element type of a number in a model, or undefined where tensors of ours have none. */
export function elementTypeOf(code: number): DType | undefined {
  return (Object.keys(ELEMENT_TYPES) as DType[]).find((name) => ELEMENT_TYPES[name] === code);
}

/** Where a weight lies in the weights file. */
interface Place {
  readonly offset: number;
  readonly length: number;
}

/** Brings a weight's elements to the type that the graph gives it. */
async function weightBytes({ value: { name, dtype, shape }, source }: GraphWeight) {
  const read = await readWeight(source);
  const t = dtype === "F32" || dtype === "F16" ? toFloat(read, dtype) : read;
  if (t.dtype !== dtype || t.shape.join() !== shape.join()) {
    throw new RangeError(
      `Cannot write weight ${name}: read were ${t.dtype} [${t.shape}], the graph has ${dtype} [${shape}]`,
    );
  }
  return tensorBytes(t);
}

async function readWeight(source: WeightSource): Promise<Tensor> {
  return "read" in source ? await source.read() : source;
}

function byteLength({ value }: GraphWeight): number {
  return elementCount(value.shape.map(Number)) * dtypeSize(value.dtype);
}

/** `TensorProto` without elements: dims 1, data_type 2, name 8. */
function tensorHead(name: string, dtype: DType, shape: readonly Dim[]): Message {
  const message = new Message();
  for (const size of shape) message.int(1, Number(size));
  return message.int(2, elementType(dtype)).text(8, name);
}

/** `TensorProto` with raw_data 9. */
function inlineTensor(
  name: string,
  dtype: DType,
  shape: readonly Dim[],
  bytes: Uint8Array,
): Message {
  return tensorHead(name, dtype, shape).bytes(9, bytes);
}

/** `TensorProto` with external_data 13 (key 1, value 2) and data_location 14. */
function externalTensor({ value }: GraphWeight, file: string, place: Place): Message {
  const message = tensorHead(value.name, value.dtype, value.shape);
  const entries = { location: file, offset: place.offset, length: place.length };
  for (const [key, text] of Object.entries(entries)) {
    message.message(13, new Message().text(1, key).text(2, String(text)));
  }
  return message.int(14, 1);
}

/** `AttributeProto`: name 1, the value in the field of its kind, type 20. */
function attribute(name: string, value: Attribute): Message {
  const message = new Message().text(1, name);
  if (typeof value === "number") return message.int(3, value).int(20, 2);
  if (typeof value === "string") return message.text(4, value).int(20, 3);
  if ("dtype" in value) return message.int(3, elementType(value.dtype)).int(20, 2);
  if ("tensor" in value) {
    const { dtype, shape } = value.tensor;
    return message.message(5, inlineTensor("", dtype, shape, tensorBytes(value.tensor))).int(20, 4);
  }
  if (!("float" in value)) {
    for (const n of value) message.int(8, n);
    return message.int(20, 7);
  }
  if (typeof value.float === "number") return message.float(2, value.float).int(20, 1);
  for (const n of value.float) message.float(7, n);
  return message.int(20, 6);
}

/** `NodeProto`: input 1, output 2, name 3, op_type 4, attribute 5, domain 7. */
function node({ type, domain, inputs, outputs, attributes }: GraphNode): Message {
  const message = new Message();
  const last = inputs.findLastIndex((name) => name !== "");
  for (const name of inputs.slice(0, last + 1)) message.text(1, name);
  for (const name of outputs) message.text(2, name);
  message.text(3, outputs.find((name) => name !== "") ?? type).text(4, type);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) message.message(5, attribute(name, value));
  }
  return domain === "" ? message : message.text(7, domain);
}

/** `ValueInfoProto`: name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 } } }. */
function valueInfo({ name, dtype, shape }: Value): Message {
  const dims = new Message();
  for (const size of shape) {
    dims.message(
      1,
      typeof size === "number" ? new Message().int(1, size) : new Message().text(2, size),
    );
  }
  const tensorType = new Message().int(1, elementType(dtype)).message(2, dims);
  return new Message().text(1, name).message(2, new Message().message(1, tensorType));
}

/** `GraphProto`: node 1, name 2, initializer 5, input 11, output 12. */
function graphMessage(graph: GraphCore, initializers: readonly Message[]): Message {
  const message = new Message();
  for (const n of graph.nodes) message.message(1, node(n));
  message.text(2, graph.name);
  for (const initializer of initializers) message.message(5, initializer);
  for (const value of graph.inputs) message.message(11, valueInfo(value));
  for (const value of graph.outputs) message.message(12, valueInfo(value));
  return message;
}

/** `ModelProto`: ir_version 1, producer_name 2, graph 7, opset_import 8 { domain 1, version 2 }. */
function modelMessage(graph: GraphCore, initializers: readonly Message[]): Message {
  const message = new Message().int(1, IR_VERSION).text(2, "@vcs/onnx")
    .message(7, graphMessage(graph, initializers))
    .message(8, new Message().text(1, "").int(2, OPSET));
  const domains = new Set(graph.nodes.map((n) => n.domain).filter((domain) => domain !== ""));
  for (const domain of domains) message.message(8, new Message().text(1, domain).int(2, 1));
  return message;
}

function mustHaveOutputs(graph: GraphCore): void {
  if (graph.outputs.length === 0) {
    throw new RangeError(`Cannot write graph ${graph.name}: it has no outputs`);
  }
}

/**
 * A graph as the bytes of one model, weights inside: for small models. ONNX ends at 2 GB.
 *
 * @throws {RangeError} where the graph has no outputs or its weights take 2 GB or more.
 */
export async function modelBytes(graph: GraphCore): Promise<Uint8Array<ArrayBuffer>> {
  mustHaveOutputs(graph);
  const total = graph.weights.reduce((sum, w) => sum + byteLength(w), 0);
  if (total >= 2 ** 31) {
    throw new RangeError(
      `Cannot write graph ${graph.name} as bytes: its weights take ${total} bytes, expected less than 2 GB; use writeModel`,
    );
  }
  const initializers = await Promise.all(graph.weights.map(async (weight) => {
    const { name, dtype, shape } = weight.value;
    return inlineTensor(name, dtype, shape, await weightBytes(weight));
  }));
  return modelMessage(graph, initializers).finish();
}

/**
 * A graph's description as bytes, without the elements of weights that are read late or are
 * large: equal for equal descriptions.
 */
export function graphOutline(graph: GraphCore): Uint8Array<ArrayBuffer> {
  mustHaveOutputs(graph);
  const initializers = graph.weights.map(({ value: { name, dtype, shape }, source }) =>
    "read" in source || source.data.byteLength > OUTLINE_BYTES
      ? tensorHead(name, dtype, shape)
      : inlineTensor(name, source.dtype, shape, tensorBytes(source))
  );
  return modelMessage(graph, initializers).finish();
}

/** Writes the large weights one after the other and gives the initializers of all. */
async function writeWeights(graph: GraphCore, path: string, name: string): Promise<Message[]> {
  const file = await Deno.open(path, { write: true, create: true, truncate: true });
  try {
    return await writeInto(file, graph, name);
  } finally {
    file.close();
  }
}

async function writeInto(file: Deno.FsFile, graph: GraphCore, name: string): Promise<Message[]> {
  const initializers: Message[] = [];
  let offset = 0;
  for (const weight of graph.weights) {
    const bytes = await weightBytes(weight);
    const { value } = weight;
    if (bytes.length <= INLINE_BYTES) {
      initializers.push(inlineTensor(value.name, value.dtype, value.shape, bytes));
      continue;
    }
    await file.seek(offset, Deno.SeekMode.Start);
    await writeAll(file, bytes);
    initializers.push(externalTensor(weight, name, { offset, length: bytes.length }));
    offset = Math.ceil((offset + bytes.length) / PAGE) * PAGE;
  }
  return initializers;
}

/**
 * Writes a graph into a folder as `<name>.onnx`, with its weights in `<name>.weights` beside it.
 * Both appear whole: they are written under other names and renamed.
 *
 * @returns path of the `.onnx` file
 * @throws {RangeError} where the graph has no outputs.
 */
export async function writeModel(graph: GraphCore, directory: string): Promise<string> {
  mustHaveOutputs(graph);
  await Deno.mkdir(directory, { recursive: true });
  const path = `${directory}/${graph.name}.onnx`;
  const weights = `${directory}/${graph.name}.weights`;
  const suffix = `.${crypto.randomUUID()}.part`;
  try {
    const initializers = await writeWeights(graph, weights + suffix, `${graph.name}.weights`);
    await Deno.writeFile(path + suffix, modelMessage(graph, initializers).finish());
    for (const part of [weights + suffix, path + suffix]) await syncFile(part);
    await Deno.rename(weights + suffix, weights);
    await Deno.rename(path + suffix, path);
  } catch (error) {
    for (const part of [weights + suffix, path + suffix]) await Deno.remove(part).catch(() => {});
    throw error;
  }
  return path;
}
