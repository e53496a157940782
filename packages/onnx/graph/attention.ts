/**
 * Transformer layers over a stream: each position sees itself and so many before it, however the
 * stream is cut into calls.
 *
 * Positions are encoded by rotation (RoPE, arXiv 2104.09864), of which only the distance of two
 * positions has an effect. So keys are kept unrotated, and every call counts positions from 0: a
 * stream may go on for ever, or be entered anywhere.
 *
 * @module
 */
import { tensor } from "@vcs/transport/tensor";
import type { GraphBuilder } from "../graph.ts";
import type { Value, WeightSource } from "./core.ts";
import { addDims, type Dim } from "./dims.ts";
import { activation } from "./layers.ts";
import { transposed } from "./weights.ts";

/** Factor and summand of a layer norm, each `[W]`. */
export interface LayerNormWeights {
  /** Factor. */
  readonly weight: WeightSource;
  /** Summand. */
  readonly bias: WeightSource;
}

/**
 * Weights of a layer whose norms come before its two halves, and whose halves are scaled (layer
 * scale) before they are added to their input; matrices `[out, in]`, as PyTorch keeps them.
 */
export interface TransformerWeights {
  /** Norm before the attention. */
  readonly attentionNorm: LayerNormWeights;
  /** Projection to queries `[W, W]`. */
  readonly query: WeightSource;
  /** Projection to keys `[W, W]`. */
  readonly key: WeightSource;
  /** Projection to values `[W, W]`. */
  readonly value: WeightSource;
  /** Projection of the attended values `[W, W]`. */
  readonly output: WeightSource;
  /** Scale of the attention `[W]`. */
  readonly attentionScale: WeightSource;
  /** Norm before the feed-forward layers. */
  readonly feedForwardNorm: LayerNormWeights;
  /** First feed-forward layer `[F, W]`. */
  readonly up: WeightSource;
  /** Second feed-forward layer `[W, F]`. */
  readonly down: WeightSource;
  /** Scale of the feed-forward layers `[W]`. */
  readonly feedForwardScale: WeightSource;
}

/** What all layers of a stack share, in a call of T positions after P past ones. */
export interface SlidingWindow {
  /** Past positions that are kept, P. */
  readonly past: number;
  /** Cosine of each pair of elements at each position, `[P + T, D / 2]` with heads of width D. */
  readonly cos: Value;
  /** Sine. */
  readonly sin: Value;
  /** Which of all positions each current one sees, BOOL `[T, P + T]`. */
  readonly seen: Value;
  /** Which past positions there are for the next call, F32 `[P]`. */
  readonly known: Value;
}

/** Keys and values of a layer's past positions, each `[heads, P, D]`. */
export interface PastAttention {
  /** Keys, unrotated. */
  readonly key: Value;
  /** Values. */
  readonly value: Value;
}

/** 0, 1, 2 … below a number that is known when the graph runs. */
function count(g: GraphBuilder, length: Value, size: Dim): Value {
  const inputs = [g.scalar(0, "I64"), g.squeeze(length, [0]), g.scalar(1, "I64")];
  return g.op("Range", inputs, {}, { dtype: "I64", shape: [size] });
}

/** How fast each pair of a head's elements turns, from 1 down to nearly 1 / base. */
function turns(width: number, base: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: width / 2 }, (_, i) => base ** (-2 * i / width));
}

/**
 * The window over past and current positions.
 *
 * @param x input of the stack `[T, W]`
 * @param known which past positions there are: F32 `[P]` of zeros and ones. Each position sees P
 * before it.
 * @param width width of a head, D
 * @param base base of the rotation's speeds. Default: 10,000.
 */
export function slidingWindow(
  g: GraphBuilder,
  x: Value,
  known: Value,
  width: number,
  base = 10_000,
): SlidingWindow {
  const past = Number(known.shape[0]);
  const time = x.shape[0]!;
  const length = g.shapeOf(x, 0, 1);
  const positions = count(g, g.add(length, g.int64([past])), addDims(time, past));
  const speeds = g.constant("turns", tensor("F32", [1, width / 2], turns(width, base)));
  const angles = g.mul(g.unsqueeze(g.cast(positions, "F32"), [1]), speeds);
  const behind = g.sub(g.unsqueeze(positions, [0]), g.unsqueeze(count(g, length, time), [1]));
  const isNear = g.and(g.greaterOrEqual(behind, 0), g.less(behind, past + 1));
  const current = g.op("Expand", [g.scalar(1), length], {}, { dtype: known.dtype, shape: [time] });
  const all = g.concat([known, current], 0);
  return {
    past,
    cos: g.op("Cos", [angles], {}, angles),
    sin: g.op("Sin", [angles], {}, angles),
    seen: g.and(isNear, g.unsqueeze(g.greater(all, 0), [0])),
    known: g.assume(g.slice(all, 0, -past), [past]),
  };
}

/** Turns each element of a head's first half with the one of its second half: `[heads, T, D]`. */
function rotate(g: GraphBuilder, x: Value, cos: Value, sin: Value): Value {
  const half = Number(x.shape[2]) / 2;
  const [first, second] = g.split(x, 2, [half, half]) as [Value, Value];
  const turned = [
    g.sub(g.mul(first, cos), g.mul(second, sin)),
    g.add(g.mul(second, cos), g.mul(first, sin)),
  ];
  return g.concat(turned, 2);
}

/** A likeness far below every other: a position without a share. */
const UNSEEN = -1e30;

/** Queries of the current positions over keys and values of all: `[heads, T, D]`. */
function attend(
  g: GraphBuilder,
  query: Value,
  { key, value }: PastAttention,
  { past, cos, sin, seen }: SlidingWindow,
): Value {
  const here = (angles: Value) => g.slice(angles, 0, past);
  const asked = rotate(g, query, g.assume(here(cos), [query.shape[1]!, cos.shape[1]!]), here(sin));
  const keys = g.transpose(rotate(g, key, cos, sin), [0, 2, 1]);
  const likeness = g.mul(g.matmul(asked, keys), 1 / Math.sqrt(Number(query.shape[2])));
  const shares = g.softmax(g.where(g.unsqueeze(seen, [0]), likeness, UNSEEN));
  return g.matmul(shares, value);
}

/**
 * One layer over `[T, W]`: `x + s₁ · attention(norm(x))`, then the same of two feed-forward layers
 * with GELU between them.
 *
 * @param name name of the weights in the model
 * @param past what the call before gave; at the start of a stream anything, as zeros
 * @returns the output and the next call's past
 */
export function transformerLayer(
  g: GraphBuilder,
  name: string,
  x: Value,
  weights: TransformerWeights,
  past: PastAttention,
  window: SlidingWindow,
): { readonly y: Value; readonly past: PastAttention } {
  const [time, width] = x.shape as [Dim, number];
  const heads = Number(past.key.shape[0]);
  const linear = (value: Value, part: "query" | "key" | "value" | "output" | "up" | "down") =>
    g.matmul(value, g.weight(`${name}.${part}`, transposed(weights[part])));
  const norm = (value: Value, part: "attentionNorm" | "feedForwardNorm") => {
    const [scale, bias] = (["weight", "bias"] as const)
      .map((kind) => g.weight(`${name}.${part}.${kind}`, weights[part][kind]));
    return g.layerNorm(value, scale!, bias!, 1e-5);
  };
  const addScaled = (value: Value, part: "attentionScale" | "feedForwardScale", to: Value) =>
    g.add(to, g.mul(value, g.weight(`${name}.${part}`, weights[part])));
  const perHead = (value: Value) =>
    g.transpose(g.reshape(value, [time, heads, width / heads]), [1, 0, 2]);

  const normed = norm(x, "attentionNorm");
  const all = {
    key: g.concat([past.key, perHead(linear(normed, "key"))], 1),
    value: g.concat([past.value, perHead(linear(normed, "value"))], 1),
  };
  const attended = attend(g, perHead(linear(normed, "query")), all, window);
  const joined = g.reshape(g.transpose(attended, [1, 0, 2]), [time, width]);
  const middle = addScaled(linear(joined, "output"), "attentionScale", x);
  const wide = activation(g, "gelu", linear(norm(middle, "feedForwardNorm"), "up"));
  const kept = (value: Value) => g.assume(g.slice(value, 1, -window.past), past.key.shape);
  return {
    y: addScaled(linear(wide, "down"), "feedForwardScale", middle),
    past: { key: kept(all.key), value: kept(all.value) },
  };
}
