import assert from "node:assert/strict";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { float, GraphBuilder, type Value } from "./graph.ts";
import { modelBytes } from "./graph/model.ts";
import { Session } from "./session.ts";

const F32 = (shape: number[], ...values: number[]) =>
  tensor("F32", shape, new Float32Array(values));

/** Runs what is described on these inputs, checks the shape that was foretold, gives the elements. */
async function run(
  inputs: { [name: string]: Tensor },
  describe: (g: GraphBuilder, inputs: { [name: string]: Value }) => Value,
): Promise<unknown[]> {
  const g = new GraphBuilder("test");
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, t]) => [name, g.input(name, t.dtype, t.shape)]),
  );
  const output = g.output("result", describe(g, values));
  using session = await Session.open(await modelBytes(g), { device: "cpu", threads: 1 });
  const { result } = await session.run(inputs);
  assert.deepEqual(result!.shape, output.shape);
  assert.equal(result!.dtype, output.dtype);
  return [...result!.data];
}

const x = F32([2, 3], 1, -2, 3, -4, 5, -6);
const small = F32([3], 10, 20, 30);

/** Operators with their results on `x` `[2, 3]` and `s` `[3]`. */
const CASES: {
  readonly [name: string]: [(g: GraphBuilder, x: Value, s: Value) => Value, unknown[]];
} = {
  "add stretches axes": [(g, x, s) => g.add(x, s), [11, 18, 33, 6, 25, 24]],
  "sub of a number": [(g, x) => g.sub(10, x), [9, 12, 7, 14, 5, 16]],
  "mul": [(g, x) => g.mul(x, 0.5), [0.5, -1, 1.5, -2, 2.5, -3]],
  "div": [(g, _, s) => g.div(s, 10), [1, 2, 3]],
  "pow": [(g, _, s) => g.pow(g.div(s, 10), 2), [1, 4, 9]],
  "mod has the divisor's sign": [
    (g, x) => g.mod(g.cast(x, "I32"), g.scalar(4, "I32")),
    [1, 2, 3, 0, 1, 2],
  ],
  "min": [(g, x) => g.min(x, 0), [0, -2, 0, -4, 0, -6]],
  "max": [(g, x) => g.max(x, 0), [1, 0, 3, 0, 5, 0]],
  "equal": [(g, x) => g.equal(x, 3), [0, 0, 1, 0, 0, 0]],
  "less": [(g, x) => g.less(x, 0), [0, 1, 0, 1, 0, 1]],
  "greater": [(g, x) => g.greater(x, 1), [0, 0, 1, 0, 1, 0]],
  "greaterOrEqual": [(g, x) => g.greaterOrEqual(x, 1), [1, 0, 1, 0, 1, 0]],
  "and": [(g, x) => g.and(g.greater(x, 0), g.less(x, 4)), [1, 0, 1, 0, 0, 0]],
  "where": [(g, x) => g.where(g.less(x, 0), -1, x), [1, -1, 3, -1, 5, -1]],
  "abs and neg": [(g, x) => g.neg(g.abs(x)), [-1, -2, -3, -4, -5, -6]],
  "sqrt": [(g, _, s) => g.sqrt(g.mul(s, 10)), [
    10,
    Math.fround(Math.sqrt(200)),
    Math.fround(Math.sqrt(300)),
  ]],
  "floor": [(g, x) => g.floor(g.mul(x, 0.5)), [0, -1, 1, -2, 2, -3]],
  "round": [(g, x) => g.round(g.mul(x, 0.5)), [0, -1, 2, -2, 2, -3]],
  "relu": [(g, x) => g.relu(x), [1, 0, 3, 0, 5, 0]],
  "clip": [(g, x) => g.clip(x, -2, 2), [1, -2, 2, -2, 2, -2]],
  "cast": [(g, x) => g.cast(x, "I64"), [1n, -2n, 3n, -4n, 5n, -6n]],
  "shapeOf": [(g, x) => g.shapeOf(x), [2n, 3n]],
  "shapeOf a part": [(g, x) => g.shapeOf(x, 1, 2), [3n]],
  "reshape": [(g, x) => g.reshape(x, [3, 2]), [1, -2, 3, -4, 5, -6]],
  "transpose": [(g, x) => g.transpose(x, [1, 0]), [1, -4, -2, 5, 3, -6]],
  "concat": [(g, x) => g.concat([x, x], 1), [1, -2, 3, 1, -2, 3, -4, 5, -6, -4, 5, -6]],
  "slice": [(g, x) => g.slice(x, 1, 1), [-2, 3, 5, -6]],
  "slice from the end": [(g, x) => g.slice(x, -1, -2, -1), [-2, 5]],
  "slice by steps": [(g, x) => g.slice(x, 1, 0, undefined, 2), [1, 3, -4, -6]],
  "split": [(g, x) => g.split(x, 1, [1, 2])[1]!, [-2, 3, 5, -6]],
  "squeeze and unsqueeze": [(g, x) => g.squeeze(g.unsqueeze(x, [0, 2]), [0]), [
    1,
    -2,
    3,
    -4,
    5,
    -6,
  ]],
  "gather": [
    (g, x) => g.gather(x, g.constant("i", tensor("I64", [2], BigInt64Array.of(2n, 0n))), 1),
    [3, 1, -6, -4],
  ],
  "pad": [(g, _, s) => g.pad(s, [[1, 2]]), [0, 10, 20, 30, 0, 0]],
  "pad by reflection": [(g, _, s) => g.pad(s, [[2, 1]], "reflect"), [30, 20, 10, 20, 30, 20]],
  "matmul": [(g, x) => g.matmul(x, g.transpose(x, [1, 0])), [14, -32, -32, 77]],
  "mean": [(g, x) => g.mean(x, [1]), [Math.fround(2 / 3), Math.fround(-5 / 3)]],
  "sum without axes": [(g, x) => g.sum(x, [0, 1], false), [-3]],
  "reduceMin": [(g, x) => g.reduceMin(x, [0], false), [-4, -2, -6]],
  "reduceMax": [(g, x) => g.reduceMax(x, [-1]), [3, 5]],
  "argMin takes the first": [(g, x) => g.argMin(g.relu(x), 1), [1n, 0n]],
  "argMax": [(g, x) => g.argMax(x, 1, true), [2n, 1n]],
  "topK": [(g, x) => g.topK(x, 2).values, [3, 1, 5, -4]],
  "topK of the smallest": [(g, x) => g.topK(x, 1, { largest: false }).indices, [1n, 2n]],
  "softmax": [(g, _, s) => g.softmax(g.mul(s, 0)), Array(3).fill(Math.fround(1 / 3))],
  "op with a float attribute": [
    (g, x) => g.op("LeakyRelu", [x], { alpha: float(0.5) }, x),
    [1, -1, 3, -2, 5, -3],
  ],
  "toFloat": [(g, x) => g.toFloat(g.cast(x, "I32")), [1, -2, 3, -4, 5, -6]],
};

for (const [name, [describe, expected]] of Object.entries(CASES)) {
  Deno.test(`operator: ${name}`, async () => {
    const found = await run({ x, s: small }, (g, v) => describe(g, v.x!, v.s!));
    assert.deepEqual(found.map((v) => v === 0 ? 0 : v), expected);
  });
}

Deno.test("convolutions of one to three axes with stride, dilation, pads and groups", async () => {
  for (const axes of [1, 2, 3]) {
    const shape = [1, 4, ...Array(axes).fill(9)];
    const t = tensor("F32", shape);
    t.data.forEach((_, i) => t.data[i] = i % 7);
    const kernel = tensor("F32", [6, 2, ...Array(axes).fill(3)]);
    kernel.data.fill(1);
    const result = await run(
      { t },
      (g, v) =>
        g.conv(v.t!, g.weight("w", kernel), g.weight("b", tensor("F32", [6])), {
          stride: 2,
          dilation: 2,
          pads: 1,
          groups: 2,
        }),
    );
    assert.equal(result.length, 6 * 4 ** axes);
  }
});

Deno.test("asymmetric pads of a convolution are first all before, then all behind", async () => {
  const w = F32([1, 1, 3], 1, 1, 1);
  const found = await run(
    { t: F32([1, 1, 4], 1, 2, 3, 4) },
    (g, v) => g.conv(v.t!, g.weight("w", w), undefined, { pads: [2, 0] }),
  );
  assert.deepEqual(found, [1, 3, 6, 9]);
});

Deno.test("transposed convolution and its trimmed form", async () => {
  const w = F32([1, 1, 4], 1, 2, 3, 4);
  const t = F32([1, 1, 2], 1, 10);
  const whole = await run(
    { t },
    (g, v) => g.convTranspose(v.t!, g.weight("w", w), undefined, { stride: 2 }),
  );
  assert.deepEqual(whole, [1, 2, 13, 24, 30, 40]);
  const trimmed = await run(
    { t },
    (g, v) => g.convTranspose(v.t!, g.weight("w", w), undefined, { stride: 2, pads: [0, 2] }),
  );
  assert.deepEqual(trimmed, [1, 2, 13, 24]);
});

Deno.test("pooling and resizing", async () => {
  const t = F32([1, 1, 2, 4], 1, 3, 5, 7, 1, 3, 5, 7);
  assert.deepEqual(await run({ t }, (g, v) => g.averagePool(v.t!, [2, 2])), [2, 6]);
  const sizes = [1, 1, 1, 2];
  assert.deepEqual(await run({ t }, (g, v) => g.resize(v.t!, sizes, { mode: "linear" })), [2, 6]);
  const cubic = { mode: "cubic", antialias: true } as const;
  assert.equal((await run({ t }, (g, v) => g.resize(v.t!, sizes, cubic))).length, 2);
});

Deno.test("layer normalisation", async () => {
  const found = await run(
    { t: F32([1, 2], 1, 3) },
    (g, v) => g.layerNorm(v.t!, g.weight("s", F32([2], 2, 2)), g.weight("b", F32([2], 1, 1)), 0),
  );
  assert.deepEqual(found, [-1, 3]);
});

Deno.test("topK takes its count from the run", async () => {
  const k = tensor("I64", [1], BigInt64Array.of(2n));
  const found = await run({ t: F32([4], 4, 1, 3, 2), k }, (g, v) => {
    const { values } = g.topK(v.t!, { value: v.k!, count: "K" });
    return g.assume(values, [2]);
  });
  assert.deepEqual(found, [4, 3]);
});

Deno.test("resize takes its sizes from the run", async () => {
  const sizes = tensor("I64", [1], BigInt64Array.of(4n));
  const found = await run(
    { t: F32([2], 1, 3), sizes },
    (g, v) => g.assume(g.resize(v.t!, { value: v.sizes!, shape: ["S"] }, { mode: "nearest" }), [4]),
  );
  assert.deepEqual(found, [1, 1, 3, 3]);
});

Deno.test("open axes follow through strided and transposed layers and back", () => {
  const g = new GraphBuilder("open");
  const codes = g.input("codes", "I64", ["N", "T"]);
  const embedded = g.gather(g.weight("table", tensor("F32", [16, 8])), codes);
  assert.deepEqual(embedded.shape, ["N", "T", 8]);
  const up = g.convTranspose(
    g.transpose(embedded, [0, 2, 1]),
    g.weight("up", tensor("F32", [8, 4, 10])),
    undefined,
    { stride: 5 },
  );
  assert.deepEqual(up.shape, ["N", 4, "5*T + 5"]);
  const down = g.conv(up, g.weight("down", tensor("F32", [8, 4, 5])), undefined, { stride: 5 });
  assert.deepEqual(down.shape, ["N", 8, "T + 1"]);
  assert.deepEqual(g.reshape(down, ["N", 2, 4, "T + 1"]).shape, ["N", 2, 4, "T + 1"]);
  assert.deepEqual(g.slice(down, 2, 0, -1).shape, ["N", 8, "T"]);
  assert.deepEqual(g.concat([down, down], 2).shape, ["N", 8, "2*T + 2"]);
});

/** What is wrong, and what the message says. */
const MISTAKES: { readonly [name: string]: [(g: GraphBuilder, x: Value) => unknown, RegExp] } = {
  "shapes that do not match": [
    (g, x) => g.add(x, g.input("y", "F32", ["N", 5])),
    /Cannot add Add: shapes \[N, 4, T\] and \[N, 5\] do not match at axis 1/,
  ],
  "element types that differ": [
    (g, x) => g.add(x, g.input("y", "F16", ["N", 4, "T"])),
    /Add: element types must be equal, found F32 and F16/,
  ],
  "channels of a weight": [
    (g, x) => g.conv(x, g.weight("w", tensor("F32", [8, 3, 3]))),
    /Conv: channels of input and weight must be equal, found 4 and 3/,
  ],
  "size of a bias": [
    (g, x) => g.conv(x, g.weight("w", tensor("F32", [8, 4, 3])), g.weight("b", tensor("F32", [4]))),
    /Conv: sizes of bias and outputs/,
  ],
  "number of pads": [
    (g, x) => g.conv(x, g.weight("w", tensor("F32", [8, 4, 3])), undefined, { pads: [1] }),
    /numbers of pads and sides/,
  ],
  "elements of a reshape": [(g, x) => g.reshape(x, ["N", 2, "T"]), /numbers of elements differ/],
  "two open axes of a reshape": [
    (g) => g.reshape(g.input("y", "F32", ["A", "B", 2]), [2, "A", "B"]),
    /only one new axis may be symbolic/,
  ],
  "an axis that is not there": [
    (g, x) => g.mean(x, [3]),
    /found axis 3, \[N, 4, T\] has axes -3 to 2/,
  ],
  "an order with a gap": [(g, x) => g.transpose(x, [0, 0, 1]), /each axis must be named once/],
  "inner sizes of a product": [(g, x) => g.matmul(x, x), /MatMul: inner sizes/],
  "a product of vectors": [
    (g) => g.matmul(g.input("v", "F32", [3]), g.scalar(1)),
    /two axes or more/,
  ],
  "a name taken twice": [(g) => g.input("x", "F32", []), /Cannot add input x: the name is taken/],
  "nothing to concat": [(g) => g.concat([], 0), /found no values/],
  "other axes of concat": [
    (g, x) => g.concat([x, g.input("y", "F32", ["N", 5, "T"])], 2),
    /Concat: sizes of axis 1/,
  ],
  "parts of a split": [(g, x) => g.split(x, 1, [1, 2]), /sum of the parts and size of the axis/],
  "a squeezed axis": [(g, x) => g.squeeze(x, [1]), /size of axis 1 and 1/],
  "a backward slice": [(g, x) => g.slice(x, 1, 0, 2, 0), /found step 0/],
  "a condition that is none": [(g, x) => g.where(x, 0, 1), /condition's element type and BOOL/],
  "a fraction without float()": [
    (g, x) => g.op("Elu", [x], { alpha: 0.5 }, x),
    /a bare number must be whole, a float is written float\(0\.5\)/,
  ],
  "a name that is not a file name": [() => new GraphBuilder("a/b"), /Cannot name a graph/],
  "axes of an assumption": [(g, x) => g.assume(x, [1]), /number of axes must be the same/],
};

for (const [name, [mistake, message]] of Object.entries(MISTAKES)) {
  Deno.test(`mistake: ${name}`, () => {
    const g = new GraphBuilder("mistakes");
    const x = g.input("x", "F32", ["N", 4, "T"]);
    assert.throws(() => mistake(g, x), (error) => {
      assert.ok(error instanceof RangeError || error instanceof TypeError);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("a weight added twice is one weight, equal constants are one constant", () => {
  const g = new GraphBuilder("shared");
  const t = tensor("F32", [4]);
  assert.equal(g.weight("a", t), g.weight("b", t));
  assert.equal(g.scalar(2), g.scalar(2));
  assert.notEqual(g.scalar(0), g.scalar(-0));
  assert.equal(g.int64([1, 2]), g.int64([1, 2]));
  assert.equal(g.weights.length, 5);
});

Deno.test("a graph of float16 takes float weights as float16 and leaves other types", async () => {
  const g = new GraphBuilder("half", { float: "F16" });
  const x = g.input("x", "F16", [2]);
  const w = g.weight("w", F32([2], 0.5, 2));
  assert.equal(w.dtype, "F16");
  assert.equal(g.weight("n", tensor("I32", [2])).dtype, "I32");
  g.output("y", g.mul(x, w));
  using session = await Session.open(await modelBytes(g), { device: "cpu" });
  const { y } = await session.run({ x: tensor("F16", [2], new Float16Array([3, 4])) });
  assert.deepEqual([...y!.data], [1.5, 8]);
});
