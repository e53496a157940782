/**
 * The part of a graph that does not know any operator: named values, weights, nodes, inputs and
 * outputs. `@vcs/onnx/graph` puts the operators on top.
 *
 * @module
 */
import { type DType, elementCount, isDType, type Tensor, tensor } from "@vcs/transport/tensor";
import { canonicalDim, type Dim, formatShape } from "./dims.ts";

/** A value that flows through a graph: what a node gives and others take. */
export interface Value {
  /** Name in the model. */
  readonly name: string;
  /** Element type. */
  readonly dtype: DType;
  /** Size of each axis; symbols for sizes known only when the graph runs. */
  readonly shape: readonly Dim[];
}

/** A tensor that is read when it is needed and not kept. */
export interface LazyTensor {
  /** Element type. */
  readonly dtype: DType;
  /** Size of each axis. */
  readonly shape: readonly number[];
  /** Reads the elements. */
  read(): Promise<Tensor>;
}

/** What a weight can be made of: elements in memory, or the promise to read them. */
export type WeightSource = Tensor | LazyTensor;

/** Float type of a graph's weights and activations. */
export type FloatType = "F32" | "F16";

/** A float attribute; a bare number is a whole one. */
export interface FloatAttribute {
  /** The value, or the values of a list. */
  readonly float: number | readonly number[];
}

/** Value of a node's attribute: whole numbers, text, tensors, element types, or floats marked by {@linkcode float}. */
export type Attribute =
  | number
  | readonly number[]
  | string
  | FloatAttribute
  | { readonly tensor: Tensor }
  | { readonly dtype: DType };

/** Attributes of a node by name; `undefined` leaves one out. */
export type Attributes = { readonly [name: string]: Attribute | undefined };

/** What a node gives: element type and shape. */
export interface ValueType {
  /** Element type. */
  readonly dtype: DType;
  /** Size of each axis. */
  readonly shape: readonly Dim[];
}

/** A node as it is written to the model. */
export interface GraphNode {
  /** Operator name in the ONNX operator set, or in its domain. */
  readonly type: string;
  /** Operator set; empty for ONNX's own. */
  readonly domain: string;
  /** Names of the inputs; empty for one omitted. */
  readonly inputs: readonly string[];
  /** Names of the outputs; empty for one that nobody takes. */
  readonly outputs: readonly string[];
  /** Attributes by name. */
  readonly attributes: Attributes;
}

/** A weight as it is written to the model. */
export interface GraphWeight {
  /** The value that nodes take. */
  readonly value: Value;
  /** Where the elements come from, in the type of the source. */
  readonly source: WeightSource;
}

/** Marks numbers as float attributes, as `{ alpha: float(1) }`. */
export function float(value: number | readonly number[]): FloatAttribute {
  return { float: value };
}

/** Whether a dtype holds real numbers that a graph may keep in another float type. */
export function isFloat(dtype: DType): boolean {
  return dtype === "F32" || dtype === "F16" || dtype === "BF16" || dtype === "F64";
}

/** Settings of a graph. */
export interface GraphOptions {
  /** Type that float weights are converted to. Default: `F32`. */
  float?: FloatType;
}

/** Values, weights and nodes of a graph under construction. */
export class GraphCore {
  /** Name of the graph: of the model's file, too. */
  readonly name: string;
  /** Type of float weights and, by convention, of activations. */
  readonly float: FloatType;
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #nodes: GraphNode[] = [];
  readonly #weights: GraphWeight[] = [];
  readonly #values = new Map<string, Value>();
  readonly #names = new Map<string, number>();
  readonly #shared = new Map<WeightSource, Value>();
  readonly #constants = new Map<string, Value>();

  /**
   * Starts an empty graph.
   *
   * @throws {RangeError} where the name cannot be that of a file.
   */
  constructor(name: string, options: GraphOptions = {}) {
    if (!/^[\w.-]+$/.test(name)) {
      throw new RangeError(
        `Cannot name a graph: found ${
          JSON.stringify(name)
        }, expected letters, digits, ".", "_" and "-"`,
      );
    }
    this.name = name;
    this.float = options.float ?? "F32";
  }

  /** Inputs, in the order they were made. */
  get inputs(): readonly Value[] {
    return this.#inputs;
  }

  /** Outputs, in the order they were made. */
  get outputs(): readonly Value[] {
    return this.#outputs;
  }

  /** Nodes, in an order in which they can run. */
  get nodes(): readonly GraphNode[] {
    return this.#nodes;
  }

  /** Weights and constants. */
  get weights(): readonly GraphWeight[] {
    return this.#weights;
  }

  /** All values by name: inputs, weights and what nodes give. */
  get values(): ReadonlyMap<string, Value> {
    return this.#values;
  }

  #name(stem: string): string {
    const count = this.#names.get(stem) ?? 0;
    this.#names.set(stem, count + 1);
    return count === 0 ? stem : this.#name(`${stem}_${count}`);
  }

  #claim(name: string, what: string): string {
    if (this.#names.has(name)) {
      throw new RangeError(`Cannot add ${what} ${name}: the name is taken in ${this.name}`);
    }
    return this.#name(name);
  }

  #value(name: string, dtype: DType, shape: readonly Dim[]): Value {
    const value = { name, dtype, shape: shape.map(canonicalDim) };
    this.#values.set(name, value);
    return value;
  }

  /** Adds an input of the model. */
  input(name: string, dtype: DType, shape: readonly Dim[]): Value {
    const value = this.#value(this.#claim(name, "input"), dtype, shape);
    this.#inputs.push(value);
    return value;
  }

  /**
   * Adds a weight; float weights are brought to the graph's float type when they are written.
   * The same source added twice is written once.
   */
  weight(name: string, source: WeightSource): Value {
    const dtype = isFloat(source.dtype) ? this.float : source.dtype;
    return this.#addWeight(() => this.#claim(name, "weight"), source, dtype);
  }

  #addWeight(name: () => string, source: WeightSource, dtype: DType): Value {
    const known = this.#shared.get(source);
    if (known?.dtype === dtype) return known;
    elementCount(source.shape);
    const value = this.#value(name(), dtype, source.shape);
    this.#weights.push({ value, source });
    this.#shared.set(source, value);
    return value;
  }

  /** Adds a constant that keeps its element type, as a table of whole numbers. */
  constant(name: string, source: WeightSource): Value {
    return this.#addWeight(() => this.#name(name), source, source.dtype);
  }

  /** A constant of few whole numbers, as shapes and axes are: one for all equal ones. */
  int64(values: readonly number[]): Value {
    return this.#small(
      `int64:${values}`,
      () => tensor("I64", [values.length], BigInt64Array.from(values, BigInt)),
    );
  }

  /** A number as a constant without axes, in the graph's float type or another one. */
  scalar(value: number, dtype: DType = this.float): Value {
    return this.#small(
      `${dtype}:${Object.is(value, -0) ? "-0" : value}`,
      () => scalarTensor(value, dtype),
    );
  }

  #small(key: string, make: () => Tensor): Value {
    let value = this.#constants.get(key);
    if (value === undefined) {
      const source = make();
      value = this.#addWeight(() => this.#name("const"), source, source.dtype);
      this.#constants.set(key, value);
    }
    return value;
  }

  /**
   * Adds a node of any operator with several outputs.
   *
   * @param type operator name; `domain:Name` for one outside ONNX's own operator set
   * @param inputs values, `undefined` for an optional one omitted
   * @param attributes attributes by name, floats marked by {@linkcode float}
   * @param outputs types of the outputs, `undefined` for one that nobody takes
   */
  node(
    type: string,
    inputs: readonly (Value | undefined)[],
    attributes: Attributes,
    outputs: readonly (ValueType | undefined)[],
  ): Value[] {
    const [operator, domain] = type.includes(":")
      ? [type.slice(type.indexOf(":") + 1), type.slice(0, type.indexOf(":"))]
      : [type, ""];
    checkAttributes(type, attributes);
    const values = outputs.map((o) => o && this.#value(this.#name(operator), o.dtype, o.shape));
    this.#nodes.push({
      type: operator,
      domain,
      inputs: inputs.map((v) => v?.name ?? ""),
      outputs: values.map((v) => v?.name ?? ""),
      attributes,
    });
    return values.filter((v) => v !== undefined);
  }

  /**
   * Adds a node of any operator with one output.
   *
   * @example An operator that has no method of its own
   * ```ts
   * import { GraphBuilder } from "@vcs/onnx/graph";
   * import assert from "node:assert/strict";
   *
   * const g = new GraphBuilder("waves");
   * const x = g.input("x", "F32", ["N"]);
   * const y = g.op("Sin", [x], {}, x);
   * assert.deepEqual(y.shape, ["N"]);
   * ```
   */
  op(
    type: string,
    inputs: readonly (Value | undefined)[],
    attributes: Attributes,
    output: ValueType,
  ): Value {
    return this.node(type, inputs, attributes, [output])[0]!;
  }

  /** States the shape of a value where it is known from elsewhere; no node is added. */
  assume(value: Value, shape: readonly Dim[]): Value {
    if (shape.length !== value.shape.length) {
      throw new RangeError(
        `Cannot assume a shape: found ${formatShape(shape)} for a value of ${
          formatShape(value.shape)
        }, the number of axes must be the same`,
      );
    }
    return this.#value(value.name, value.dtype, shape);
  }

  /** Makes a value an output of the model, under this name. */
  output(name: string, value: Value): Value {
    const named = this.#value(this.#claim(name, "output"), value.dtype, value.shape);
    this.#nodes.push({
      type: "Identity",
      domain: "",
      inputs: [value.name],
      outputs: [named.name],
      attributes: {},
    });
    this.#outputs.push(named);
    return named;
  }
}

function scalarTensor(value: number, dtype: DType): Tensor {
  if (!isDType(dtype)) throw new TypeError(`Cannot make a constant: found dtype ${dtype}`);
  const t = tensor(dtype, []);
  if (t.data instanceof BigInt64Array || t.data instanceof BigUint64Array) {
    t.data[0] = BigInt(value);
  } else t.data[0] = value;
  return t;
}

function checkAttributes(type: string, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    const numbers = typeof value === "number" ? [value] : Array.isArray(value) ? value : [];
    const bad = numbers.find((n) => !Number.isSafeInteger(n));
    if (bad !== undefined) {
      throw new TypeError(
        `Cannot set attribute ${name} of ${type}: found ${bad}, a bare number must be whole, a float is written float(${bad})`,
      );
    }
  }
}
