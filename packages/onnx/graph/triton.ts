/**
 * What Triton Inference Server must know of a graph: its `config.pbtxt`, with names, element types,
 * shapes and the batch.
 *
 * @module
 */
import type { DType } from "@vcs/transport/tensor";
import type { GraphCore, Value } from "./core.ts";

/** Element types by the names that Triton and the Open Inference Protocol have for them. */
export const DATATYPES: Partial<Record<DType, string>> = {
  BOOL: "BOOL",
  U8: "UINT8",
  I8: "INT8",
  U16: "UINT16",
  I16: "INT16",
  U32: "UINT32",
  I32: "INT32",
  U64: "UINT64",
  I64: "INT64",
  F16: "FP16",
  BF16: "BF16",
  F32: "FP32",
  F64: "FP64",
};

/** The axis that a server may fill with several requests. */
const BATCH = "N";

/** One input or output; the batch is not among its sizes. */
function valueText({ name, dtype, shape }: Value, isBatched: boolean): string {
  const type = DATATYPES[dtype];
  if (type === undefined) {
    throw new TypeError(
      `Cannot describe ${name} for Triton: found ${dtype}, expected ${
        Object.keys(DATATYPES).join(", ")
      }`,
    );
  }
  const sizes = (isBatched ? shape.slice(1) : shape).map((d) => typeof d === "number" ? d : -1);
  return `  { name: ${JSON.stringify(name)} data_type: TYPE_${type} dims: [ ${
    sizes.join(", ")
  } ] }`;
}

/**
 * The `config.pbtxt` of a graph. Where the first axis of all inputs and outputs is `N`, it is the
 * batch; else the sizes are those of the tensors, and open ones are -1.
 *
 * @param name of the model on the server, and of its folder
 * @param maxBatch most entries of a batch in one run
 * @throws {TypeError} for element types that Triton does not have.
 */
export function tritonConfig(graph: GraphCore, name: string, maxBatch: number): string {
  const isBatched = [...graph.inputs, ...graph.outputs].every(({ shape }) => shape[0] === BATCH);
  const values = (all: readonly Value[]) => all.map((v) => valueText(v, isBatched)).join(",\n");
  return `name: ${JSON.stringify(name)}
backend: "onnxruntime"
default_model_filename: ${JSON.stringify(`${graph.name}.onnx`)}
max_batch_size: ${isBatched ? maxBatch : 0}
input [
${values(graph.inputs)}
]
output [
${values(graph.outputs)}
]
`;
}
