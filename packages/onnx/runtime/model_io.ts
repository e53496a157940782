/**
 * Inputs and outputs of a model: read from the runtime, and compared with the tensors of a run.
 *
 * @module
 */
import type { DType, Tensor } from "@vcs/transport/tensor";
import type { Dim } from "../graph/dims.ts";
import { OnnxError } from "../errors.ts";
import { elementTypeOf } from "../graph/model.ts";
import { Out, readCString, type Runtime } from "./ort.ts";

/** An input or output of a model. */
export interface ModelValue {
  /** Its name. */
  readonly name: string;
  /** Element type. */
  readonly dtype: DType;
  /** Size of each axis; a name, or `?`, for one that a run decides. */
  readonly shape: readonly Dim[];
}

/** Element type and sizes of an `OrtTensorTypeAndShapeInfo`; -1 is a size that a run decides. */
export function readTypeAndSizes(
  runtime: Runtime,
  info: Deno.PointerObject,
  doing: string,
): { dtype: DType; sizes: BigInt64Array } {
  const code = new Int32Array(new ArrayBuffer(4));
  const rank = new Out();
  runtime.call("getTensorElementType", "run-failed", doing, info, code);
  runtime.call("getDimensionsCount", "run-failed", doing, info, rank.cell);
  const sizes = new BigInt64Array(new ArrayBuffer(8 * rank.size));
  runtime.call("getDimensions", "run-failed", doing, info, sizes, BigInt(rank.size));
  const dtype = elementTypeOf(code[0]!);
  if (dtype === undefined) {
    throw new OnnxError(
      "model-invalid",
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
): Omit<ModelValue, "name"> {
  const { dtype, sizes } = readTypeAndSizes(runtime, info, doing);
  const names = new BigUint64Array(new ArrayBuffer(8 * sizes.length));
  runtime.call("getSymbolicDimensions", "run-failed", doing, info, names, BigInt(sizes.length));
  const shape = Array.from(
    sizes,
    (size, axis) =>
      size >= 0n ? Number(size) : readCString(Deno.UnsafePointer.create(names[axis]!)) || "?",
  );
  return { dtype, shape };
}

/** Calls that describe one side of a model. */
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
function readValue(
  runtime: Runtime,
  session: Deno.PointerObject,
  side: keyof typeof SIDES,
  at: number,
): ModelValue {
  const doing = `read ${side} ${at} of the model`;
  const [name, type, info] = [new Out(), new Out(), new Out()];
  const calls = SIDES[side];
  runtime.call(
    calls.name,
    "model-invalid",
    doing,
    session,
    BigInt(at),
    runtime.allocator,
    name.cell,
  );
  const text = readCString(name.pointer);
  runtime.call("allocatorFree", "model-invalid", doing, runtime.allocator, name.pointer);
  runtime.call(calls.type, "model-invalid", doing, session, BigInt(at), type.cell);
  try {
    runtime.call("castTypeInfoToTensorInfo", "model-invalid", doing, type.pointer, info.cell);
    if (info.pointer === null) {
      throw new OnnxError("model-invalid", `Cannot ${doing}: ${text} is not a tensor`);
    }
    return { name: text, ...readNamedShape(runtime, info.object, doing) };
  } finally {
    runtime.release("typeInfo", type.pointer);
  }
}

/** All inputs, or all outputs, of a model. */
export function readValues(
  runtime: Runtime,
  session: Deno.PointerObject,
  side: keyof typeof SIDES,
): ModelValue[] {
  const count = new Out();
  runtime.call(
    SIDES[side].count,
    "model-invalid",
    `read the model's ${side}s`,
    session,
    count.cell,
  );
  return Array.from({ length: count.size }, (_, at) => readValue(runtime, session, side, at));
}

/**
 * Checks a tensor's element type and shape.
 *
 * @throws {RangeError} where they are not those of the model's input or output.
 */
export function checkTensor(what: string, value: ModelValue, t: Tensor): void {
  const fits = t.shape.length === value.shape.length &&
    value.shape.every((size, axis) => typeof size === "string" || size === t.shape[axis]);
  if (t.dtype !== value.dtype || !fits) {
    throw new RangeError(
      `Cannot run: ${what} ${value.name} is ${t.dtype} [${
        t.shape.join(", ")
      }], the model takes ${value.dtype} [${value.shape.join(", ")}]`,
    );
  }
}

/** The inputs or outputs of these names, in this order. */
export function valuesNamed(
  values: readonly ModelValue[],
  names: readonly string[],
  what: string,
): ModelValue[] {
  return names.map((name) => {
    const value = values.find((candidate) => candidate.name === name);
    if (value === undefined) {
      throw new RangeError(
        `Cannot run: found ${what} ${JSON.stringify(name)}, the model has ${
          values.map((x) => x.name).join(", ")
        }`,
      );
    }
    return value;
  });
}
