import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { GraphBuilder, type Value } from "../graph.ts";
import {
  type Activation,
  activation,
  foldWeightNorm,
  groupNorm,
  lstm,
  reflectPad,
  upsample1d,
} from "./layers.ts";
import { modelBytes } from "./model.ts";
import { Session } from "../session.ts";

const next = random(7);

function randomTensor(shape: readonly number[], offset = 0): Tensor<"F32"> {
  const t = tensor("F32", shape);
  t.data.forEach((_, i) => t.data[i] = next() * 2 - 1 + offset);
  return t;
}

/** Runs a graph of one input and one output. */
async function apply(
  x: Tensor<"F32">,
  shape: readonly (number | string)[],
  describe: (g: GraphBuilder, x: Value) => Value,
): Promise<{ data: Float32Array; shape: readonly number[] }> {
  const g = new GraphBuilder("test");
  g.output("y", describe(g, g.input("x", "F32", shape)));
  using session = await Session.open(await modelBytes(g), { device: "cpu", threads: 1 });
  const { y } = await session.run({ x });
  assert.ok(y?.data instanceof Float32Array);
  return { data: y.data, shape: y.shape };
}

function assertClose(actual: Float32Array, expected: ArrayLike<number>, tolerance: number): void {
  assert.equal(actual.length, expected.length);
  let worst = 0;
  for (let i = 0; i < actual.length; i++) {
    worst = Math.max(worst, Math.abs(actual[i]! - expected[i]!));
  }
  assert.ok(worst <= tolerance, `largest difference ${worst}`);
}

/** Reflection with the rule for small inputs, sample by sample. */
function reflectReference(x: number[], left: number, right: number): number[] {
  const most = Math.max(left, right);
  const missing = Math.max(0, most + 1 - x.length);
  const long = [...x, ...Array(missing).fill(0)];
  const at = (i: number) => long[i < 0 ? -i : i >= long.length ? 2 * (long.length - 1) - i : i];
  const padded = Array.from({ length: left + long.length + right }, (_, i) => at(i - left));
  return padded.slice(0, padded.length - missing) as number[];
}

Deno.test("reflectPad follows the rule for small inputs at every length, open or known", async () => {
  for (const [left, right, multiple] of [[6, 0, 1], [3, 3, 1], [3, 2, 5], [4, 4, 8]] as const) {
    for (const length of [1, 2, 3, 4, 6, 7, 9, 20]) {
      const x = randomTensor([1, 1, length]);
      const extra = (multiple - length % multiple) % multiple;
      const expected = reflectReference([...x.data], left, right + extra);
      for (const size of [length, "T"]) {
        const y = await apply(x, [1, 1, size], (g, v) => reflectPad(g, v, left, right, multiple));
        assert.deepEqual([...y.data], expected, `${left} ${right} ${multiple} ${size} ${length}`);
      }
    }
  }
});

Deno.test("reflectPad gives shapes that a strided convolution divides exactly", () => {
  const g = new GraphBuilder("shapes");
  const x = g.input("x", "F32", [1, 2, "T"]);
  const w = g.weight("w", tensor("F32", [4, 2, 10]));
  const y = g.conv(reflectPad(g, x, 3, 2, 5), w, undefined, { stride: 5 });
  assert.deepEqual(y.shape, [1, 4, "floor((T+4)/5)"]);
  const whole = g.input("whole", "F32", [1, 2, "5*T"]);
  assert.deepEqual(g.conv(reflectPad(g, whole, 3, 2, 5), w, undefined, { stride: 5 }).shape, [
    1,
    4,
    "T",
  ]);
});

/** Group normalisation in float64. */
function groupNormReference(
  x: Tensor<"F32">,
  groups: number,
  epsilon: number,
  scale: Float32Array,
  bias: Float32Array,
): Float64Array {
  const [batch, channels, ...space] = x.shape as number[];
  const positions = space.reduce((a, b) => a * b, 1);
  const size = channels! / groups * positions;
  const y = Float64Array.from(x.data);
  for (let at = 0; at < batch! * groups * size; at += size) {
    const part = y.subarray(at, at + size);
    const mean = part.reduce((a, b) => a + b, 0) / size;
    const variance = part.reduce((a, b) => a + (b - mean) ** 2, 0) / size;
    part.forEach((v, i) => {
      const channel = Math.floor((at + i) / positions) % channels!;
      part[i] = (v - mean) / Math.sqrt(variance + epsilon) * scale[channel]! + bias[channel]!;
    });
  }
  return y;
}

Deno.test("groupNorm keeps six digits over a whole second and an offset", async () => {
  const scale = randomTensor([32], 1);
  const bias = randomTensor([32]);
  for (const [groups, shape] of [[1, [1, 32, 48002]], [4, [2, 32, 3, 5, 7]]] as const) {
    const x = randomTensor(shape, 2);
    const y = await apply(x, shape, (g, v) =>
      groupNorm(g, v, {
        groups,
        epsilon: 1e-5,
        scale: g.weight("scale", scale),
        bias: g.weight("bias", bias),
      }));
    assertClose(y.data, groupNormReference(x, groups, 1e-5, scale.data, bias.data), 4e-6);
  }
});

Deno.test("groupNorm works without scale and bias and with open axes", async () => {
  const x = randomTensor([2, 4, 9]);
  const y = await apply(x, ["N", 4, "T"], (g, v) => groupNorm(g, v, { groups: 2, epsilon: 1e-6 }));
  const ones = new Float32Array(4).fill(1);
  assertClose(y.data, groupNormReference(x, 2, 1e-6, ones, new Float32Array(4)), 2e-6);
});

Deno.test("foldWeightNorm scales rows of the first axis to the given length", async () => {
  const v = tensor("F32", [2, 1, 2], new Float32Array([3, 4, 0, -2]));
  const magnitude = tensor("F32", [2, 1, 1], new Float32Array([10, 1]));
  const folded = foldWeightNorm(magnitude, v);
  assert.deepEqual([...(await folded.read()).data], [6, 8, 0, -1]);
});

Deno.test("upsample1d equals the transposed convolution", async () => {
  for (const stride of [2, 5, 8]) {
    const weight = randomTensor([6, 3, 2 * stride]);
    const bias = randomTensor([3]);
    const x = randomTensor([2, 6, 7]);
    const fast = await apply(
      x,
      ["N", 6, "T"],
      (g, v) => upsample1d(g, "up", v, weight, bias, stride),
    );
    const plain = await apply(
      x,
      ["N", 6, "T"],
      (g, v) => g.convTranspose(v, g.weight("w", weight), g.weight("b", bias), { stride }),
    );
    assert.deepEqual(fast.shape, [2, 3, 8 * stride]);
    assert.deepEqual(fast.shape, plain.shape);
    assertClose(fast.data, plain.data, 2e-6);
  }
});

const sigmoid = (v: number) => 1 / (1 + Math.exp(-v));

/** One layer in PyTorch's equations: gates i, f, g, o. */
function lstmReference(
  x: Tensor<"F32">,
  ih: Tensor<"F32">,
  hh: Tensor<"F32">,
  biasIh: Tensor<"F32">,
  biasHh: Tensor<"F32">,
): number[] {
  const [time, , inputs] = x.shape as [number, number, number];
  const hidden = hh.shape[1]!;
  let h = Array(hidden).fill(0);
  let c = Array(hidden).fill(0);
  const y: number[] = [];
  for (let t = 0; t < time; t++) {
    const gate = Array.from({ length: 4 * hidden }, (_, row) => {
      let sum = biasIh.data[row]! + biasHh.data[row]!;
      for (let k = 0; k < inputs; k++) sum += ih.data[row * inputs + k]! * x.data[t * inputs + k]!;
      for (let k = 0; k < hidden; k++) sum += hh.data[row * hidden + k]! * h[k];
      return sum;
    });
    const at = (block: number, j: number) => gate[block * hidden + j]!;
    c = c.map((old, j) => sigmoid(at(1, j)) * old + sigmoid(at(0, j)) * Math.tanh(at(2, j)));
    h = c.map((cell, j) => sigmoid(at(3, j)) * Math.tanh(cell));
    y.push(...h);
  }
  return y;
}

const lstmWeights = {
  weightIh: randomTensor([20, 3]),
  weightHh: randomTensor([20, 5]),
  biasIh: randomTensor([20]),
  biasHh: randomTensor([20]),
};

Deno.test("lstm equals PyTorch's equations", async () => {
  const x = randomTensor([6, 1, 3]);
  const { weightIh, weightHh, biasIh, biasHh } = lstmWeights;
  const expected = lstmReference(x, weightIh, weightHh, biasIh, biasHh);
  const y = await apply(x, ["T", 1, 3], (g, v) => lstm(g, "lstm", v, lstmWeights).y);
  assertClose(y.data, expected, 1e-6);
});

Deno.test("lstm carries its state from run to run", async () => {
  const g = new GraphBuilder("stateful");
  const state = { h: g.input("h", "F32", [1, 1, 5]), c: g.input("c", "F32", [1, 1, 5]) };
  const result = lstm(g, "lstm", g.input("x", "F32", ["T", 1, 3]), lstmWeights, state);
  g.output("y", result.y);
  g.output("h_next", result.h);
  g.output("c_next", result.c);
  using session = await Session.open(await modelBytes(g), { device: "cpu", threads: 1 });
  const x = randomTensor([6, 1, 3]);
  const zero = tensor("F32", [1, 1, 5]);
  const whole = await session.run({ x, h: zero, c: zero });
  const first = await session.run({ x: part(x, 0, 2), h: zero, c: zero });
  const second = await session.run({ x: part(x, 2, 6), h: first.h_next!, c: first.c_next! });
  assertClose(whole.y!.data as Float32Array, [
    ...first.y!.data as Float32Array,
    ...second.y!.data as Float32Array,
  ], 1e-6);
});

/** Time steps of a tensor `[T, 1, 3]`. */
function part(x: Tensor<"F32">, from: number, to: number): Tensor<"F32"> {
  return tensor("F32", [to - from, 1, 3], x.data.slice(from * 3, to * 3));
}

/** Values at -1 and 2, from the definitions in PyTorch's documentation. */
const ACTIVATION_VALUES: { [name in Activation]: [number, number] } = {
  identity: [-1, 2],
  relu: [0, 2],
  leaky_relu: [-0.01, 2],
  elu: [Math.expm1(-1), 2],
  sigmoid: [sigmoid(-1), sigmoid(2)],
  tanh: [Math.tanh(-1), Math.tanh(2)],
  silu: [-sigmoid(-1), 2 * sigmoid(2)],
  gelu: [-0.15865525, 1.95449974],
  gelu_tanh: [-0.15880801, 1.95459769],
  quick_gelu: [-sigmoid(-1.702), 2 * sigmoid(3.404)],
  softplus: [Math.log1p(Math.exp(-1)), Math.log1p(Math.exp(2))],
};

Deno.test("activations have PyTorch's values", async () => {
  for (const name of Object.keys(ACTIVATION_VALUES) as Activation[]) {
    const x = tensor("F32", [2], new Float32Array([-1, 2]));
    const y = await apply(x, ["N"], (g, v) => activation(g, name, v));
    assertClose(y.data, ACTIVATION_VALUES[name], 2e-7);
  }
});
