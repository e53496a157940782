import { random } from "#testing/fuzz.ts";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import assert from "node:assert/strict";
import { GraphBuilder, type Value } from "../graph.ts";
import { Session } from "../session.ts";
import { slidingWindow, transformerLayer, type TransformerWeights } from "./attention.ts";
import { modelBytes } from "./model.ts";

const next = random(11);
const [WIDTH, HEADS, INNER, PAST] = [8, 2, 12, 3];
const HEAD = WIDTH / HEADS;

function randomTensor(...shape: number[]): Tensor<"F32"> {
  const t = tensor("F32", shape);
  t.data.forEach((_, i) => t.data[i] = next() * 2 - 1);
  return t;
}

const norm = () => ({ weight: randomTensor(WIDTH), bias: randomTensor(WIDTH) });

const WEIGHTS = {
  attentionNorm: norm(),
  query: randomTensor(WIDTH, WIDTH),
  key: randomTensor(WIDTH, WIDTH),
  value: randomTensor(WIDTH, WIDTH),
  output: randomTensor(WIDTH, WIDTH),
  attentionScale: randomTensor(WIDTH),
  feedForwardNorm: norm(),
  up: randomTensor(INNER, WIDTH),
  down: randomTensor(WIDTH, INNER),
  feedForwardScale: randomTensor(WIDTH),
} satisfies TransformerWeights;

type Rows = number[][];

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((s, v, i) => s + v * b[i]!, 0);

function times({ shape: [rows = 0, columns = 0], data }: Tensor<"F32">, x: number[]): number[] {
  return Array.from(
    { length: rows },
    (_, r) => dot(x, [...data.subarray(r * columns, (r + 1) * columns)]),
  );
}

function normed(x: number[], { weight, bias }: ReturnType<typeof norm>): number[] {
  const mean = x.reduce((a, b) => a + b) / x.length;
  const variance = x.reduce((s, v) => s + (v - mean) ** 2, 0) / x.length;
  return x.map((v, i) => (v - mean) / Math.sqrt(variance + 1e-5) * weight.data[i]! + bias.data[i]!);
}

/** A head's pairs of elements as complex numbers, turned by the position in the whole stream. */
function turned(x: number[], head: number, position: number): number[] {
  const half = HEAD / 2;
  const [a, b] = [x.slice(head * HEAD, head * HEAD + half), x.slice(head * HEAD + half)];
  const angle = (i: number) => position / 10_000 ** (i / half);
  return [
    ...a.map((v, i) => v * Math.cos(angle(i)) - b[i]! * Math.sin(angle(i))),
    ...a.map((v, i) => b[i]! * Math.cos(angle(i)) + v * Math.sin(angle(i))),
  ];
}

/** The error function by its series, exact for what occurs here. */
function erf(x: number): number {
  let [sum, term] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= -x * x / n;
    sum += term / (2 * n + 1);
  }
  return 2 / Math.sqrt(Math.PI) * sum;
}

const gelu = (x: number) => x / 2 * (1 + (Math.abs(x) > 5 ? Math.sign(x) : erf(x / Math.SQRT2)));

/** The layer position by position, over all at once. */
function reference(x: Rows): Rows {
  const inner = x.map((row) => normed(row, WEIGHTS.attentionNorm));
  const [query, key, value] = [WEIGHTS.query, WEIGHTS.key, WEIGHTS.value]
    .map((matrix) => inner.map((row) => times(matrix, row))) as [Rows, Rows, Rows];
  return x.map((row, t) => {
    const seen = Array.from({ length: t + 1 }, (_, i) => i).slice(-PAST - 1);
    const attended = Array.from({ length: HEADS }, (_, h) => {
      const asked = turned(query[t]!, h, t);
      const likeness = seen.map((i) =>
        Math.exp(dot(asked, turned(key[i]!, h, i)) / Math.sqrt(HEAD))
      );
      const sum = likeness.reduce((a, b) => a + b);
      return Array.from(
        { length: HEAD },
        (_, d) => seen.reduce((s, i, n) => s + likeness[n]! / sum * value[i]![h * HEAD + d]!, 0),
      );
    }).flat();
    const output = times(WEIGHTS.output, attended);
    const middle = row.map((v, i) => v + WEIGHTS.attentionScale.data[i]! * output[i]!);
    const wide = times(WEIGHTS.up, normed(middle, WEIGHTS.feedForwardNorm)).map(gelu);
    const narrow = times(WEIGHTS.down, wide);
    return middle.map((v, i) => v + WEIGHTS.feedForwardScale.data[i]! * narrow[i]!);
  });
}

/** The layer as a graph with its state. */
async function openLayer(): Promise<Session> {
  const g = new GraphBuilder("layer");
  const x = g.input("x", "F32", ["T", WIDTH]);
  const window = slidingWindow(g, x, g.input("known", "F32", [PAST]), HEAD);
  const state = (name: string): Value => g.input(name, "F32", [HEADS, PAST, HEAD]);
  const past = { key: state("key"), value: state("value") };
  const layer = transformerLayer(g, "layer", x, WEIGHTS, past, window);
  g.output("y", layer.y);
  g.output("next.known", window.known);
  g.output("next.key", layer.past.key);
  g.output("next.value", layer.past.value);
  return await Session.open(await modelBytes(g), { device: "cpu", threads: 1 });
}

const LENGTH = 11;
const input = Array.from({ length: LENGTH }, () => [...randomTensor(WIDTH).data]);
const wanted = reference(input);

for (const calls of [[LENGTH], [1, 1, 1, 1, 1, 6], [2, 9], [7, 1, 3]]) {
  Deno.test(`a transformer layer in calls of ${calls} positions is that of the whole`, async () => {
    using session = await openLayer();
    let state: Record<string, Tensor> = {
      known: tensor("F32", [PAST]),
      // What is in the past of a stream that begins has no effect.
      key: randomTensor(HEADS, PAST, HEAD),
      value: randomTensor(HEADS, PAST, HEAD),
    };
    const found: number[] = [];
    let at = 0;
    for (const count of calls) {
      const rows = Float32Array.from(input.slice(at, at += count).flat());
      const results = await session.run({ x: tensor("F32", [count, WIDTH], rows), ...state });
      found.push(...results.y!.data as Float32Array);
      state = Object.fromEntries(Object.keys(state).map((k) => [k, results[`next.${k}`]!]));
    }
    const worst = wanted.flat().reduce((most, v, i) => Math.max(most, Math.abs(v - found[i]!)), 0);
    assert.equal(found.length, LENGTH * WIDTH);
    assert.ok(worst < 1e-5, `largest difference ${worst}`);
  });
}
