/**
 * Messages of the Open Inference Protocol, version 2, over HTTP: JSON, and behind it the elements of
 * tensors as little-endian bytes (Triton's extension for binary tensors, which KServe and OpenVINO
 * Model Server have, too).
 *
 * @module
 */
import {
  type DType,
  isDType,
  type Tensor,
  tensorByteLength,
  tensorBytes,
  tensorFromBytes,
} from "@vcs/transport/tensor";
import { OnnxError } from "../errors.ts";
import { DATATYPES } from "../graph/triton.ts";
import type { Tensors } from "../runtime/engine.ts";
import type { ModelValue } from "../runtime/model_io.ts";

/** Header that says how many bytes of a body are JSON. */
export const JSON_LENGTH = "inference-header-content-length";

/** Inputs and outputs of a model. */
export interface ModelSides {
  /** Inputs of the model. */
  readonly inputs: readonly ModelValue[];
  /** Outputs of the model. */
  readonly outputs: readonly ModelValue[];
}

/** A request for a run. */
export interface RunRequest {
  /** Bytes of JSON, which come first. */
  readonly jsonLength: number;
  /** JSON and elements. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What JSON may be. */
type Json = { readonly [key: string]: unknown };

function invalid(found: string, expected: string): never {
  throw new OnnxError(
    "answer-invalid",
    `Cannot read a server's answer: found ${found}, expected ${expected}`,
  );
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parse(bytes: Uint8Array): Json {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    // Said below.
  }
  return isObject(value) ? value : invalid("no JSON object", "the protocol's");
}

function objects(value: unknown, what: string): readonly Json[] {
  return Array.isArray(value) && value.every(isObject) ? value : invalid(`no ${what}`, "a list");
}

function elementType(name: unknown): DType | undefined {
  return Object.keys(DATATYPES).filter(isDType).find((dtype) => DATATYPES[dtype] === name);
}

function sizes(shape: unknown, least: number, what: string): readonly number[] {
  const isShape = Array.isArray(shape) && shape.length <= 32 &&
    shape.every((size) => Number.isSafeInteger(size) && size >= least);
  return isShape ? shape : invalid(`no shape of ${what}`, `a list of sizes from ${least}`);
}

function described({ name, datatype, shape }: Json): ModelValue {
  if (typeof name !== "string") return invalid("a tensor without a name", "one with a name");
  const dtype = elementType(datatype);
  if (dtype !== undefined) {
    const dims = sizes(shape, -1, name).map((size) => size === -1 ? "?" : size);
    return { name, dtype, shape: dims };
  }
  throw new OnnxError(
    "model-invalid",
    `Cannot use a server's model: ${name} is of element type ${datatype}, which tensors of ours do not have`,
  );
}

/**
 * Reads what a server says of a model.
 *
 * @throws {OnnxError} `answer-invalid`, and `model-invalid` for element types that we do not have.
 */
export function readMetadata(bytes: Uint8Array): ModelSides {
  const { inputs, outputs } = parse(bytes);
  return {
    inputs: objects(inputs, "inputs").map(described),
    outputs: objects(outputs, "outputs").map(described),
  };
}

/** What a server says of why it did not do as it was asked, if it says it as the protocol has it. */
export function readFault(bytes: Uint8Array): string | undefined {
  try {
    const { error } = parse(bytes);
    return typeof error === "string" ? error.slice(0, 1000) : undefined;
  } catch {
    return undefined;
  }
}

/** Writes a request for these outputs of one run. */
export function encodeRun(
  { inputs }: ModelSides,
  feeds: Readonly<Tensors>,
  outputs: readonly ModelValue[],
): RunRequest {
  const parts = inputs.map(({ name }) => tensorBytes(feeds[name]!));
  const json = new TextEncoder().encode(JSON.stringify({
    inputs: inputs.map(({ name, dtype }, at) => ({
      ...{ name, shape: feeds[name]!.shape, datatype: DATATYPES[dtype] },
      parameters: { binary_data_size: parts[at]!.length },
    })),
    outputs: outputs.map(({ name }) => ({ name, parameters: { binary_data: true } })),
  }));
  const all = [json, ...parts];
  const body = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of all) {
    body.set(part, at);
    at += part.length;
  }
  return { jsonLength: json.length, body };
}

/** One output of an answer; its shape is one that the model can give. */
function readOutput({ datatype, shape }: Json, value: ModelValue, bytes: Uint8Array): Tensor {
  const { name, dtype } = value;
  const found = sizes(shape, 0, name);
  const fits = found.length === value.shape.length &&
    value.shape.every((size, axis) => typeof size === "string" || size === found[axis]);
  if (elementType(datatype) !== dtype || !fits) {
    const expected = `${DATATYPES[dtype]} [${value.shape.join(", ")}]`;
    return invalid(`output ${name} as ${datatype} [${found.join(", ")}]`, expected);
  }
  const wanted = tensorByteLength(dtype, found);
  if (bytes.length !== wanted) invalid(`${bytes.length} bytes of output ${name}`, `${wanted}`);
  // A copy: results may be transferred one by one, and are aligned.
  return tensorFromBytes(dtype, found, bytes.slice());
}

/** Bytes of JSON, as a header says. */
function jsonLengthOf(header: string | null, length: number): number {
  if (header === null) {
    return invalid("tensors as text", "binary tensors, which MLServer does not have over HTTP");
  }
  const bytes = /^\d{1,10}$/.test(header) ? Number(header) : NaN;
  return bytes <= length ? bytes : invalid(`${JSON_LENGTH}: ${header}`, `at most ${length}`);
}

/**
 * Reads the outputs of a run.
 *
 * @param header value of {@linkcode JSON_LENGTH}
 * @param outputs those that were asked for
 * @throws {OnnxError} `answer-invalid` where one is missing, or the answer is not of the protocol.
 */
export function readRun(
  header: string | null,
  body: Uint8Array,
  outputs: readonly ModelValue[],
): Tensors {
  let at = jsonLengthOf(header, body.length);
  const answer = parse(body.subarray(0, at));
  const results: Tensors = {};
  for (const output of objects(answer.outputs, "outputs")) {
    const size = isObject(output.parameters) ? output.parameters.binary_data_size : undefined;
    if (!Number.isSafeInteger(size) || Number(size) < 0 || at + Number(size) > body.length) {
      invalid(`binary_data_size ${size} of ${output.name}`, `at most ${body.length - at}`);
    }
    const bytes = body.subarray(at, at += Number(size));
    const value = outputs.find(({ name }) => name === output.name);
    if (value) results[value.name] = readOutput(output, value, bytes);
  }
  if (at !== body.length) invalid(`${body.length - at} bytes behind the tensors`, "none");
  const missing = outputs.find(({ name }) => !Object.hasOwn(results, name));
  return missing ? invalid(`no output ${missing.name}`, "all that were asked for") : results;
}
