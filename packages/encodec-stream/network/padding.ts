/**
 * Reflect padding as the models do it, for signals of any length: a signal that is too short for it is
 * first extended by zeros, which then may become part of the padding.
 *
 * Only the few samples at the edges pass through these operators; the signal itself is copied once.
 *
 * @module
 */
import type { Dim, GraphBuilder, Value } from "@vcs/onnx/graph";

/** The axis of time in [batch, channels, time]. */
export const TIME = 2;

/** Beyond every position, for slices that run to an end. */
const FAR = Number.MAX_SAFE_INTEGER;

function lengthOf(g: GraphBuilder, x: Value): Value {
  return g.shapeOf(x, TIME, TIME + 1);
}

/** Part of the time axis between positions that are known when the graph runs. */
function cut(g: GraphBuilder, x: Value, from: Value, to: Value, step: number, size: Dim): Value {
  const [n, channels] = x.shape;
  return g.op("Slice", [x, from, to, g.int64([TIME]), g.int64([step])], {}, {
    dtype: x.dtype,
    shape: [n!, channels!, size],
  });
}

/** Zeros along time, in numbers that are known when the graph runs. */
function withZeros(g: GraphBuilder, x: Value, before: Value, after: Value): Value {
  const [n, channels] = x.shape;
  const sides = g.concat([before, after], 0);
  return g.op("Pad", [x, sides, g.scalar(0), g.int64([TIME])], { mode: "constant" }, {
    dtype: x.dtype,
    shape: [n!, channels!, "padded"],
  });
}

/** How many samples a signal lacks to a minimum length; never negative. */
function missing(g: GraphBuilder, x: Value, least: Value): Value {
  return g.max(g.sub(least, lengthOf(g, x)), g.int64([0]));
}

/**
 * The reflect padding before a signal: its samples from the second on, reversed.
 *
 * @param count how many
 * @param least length to which a shorter signal is extended by zeros, more than `count`
 */
export function reflectionOfStart(g: GraphBuilder, x: Value, count: number, least: Value): Value {
  const none = g.int64([0]);
  const start = cut(g, x, none, least, 1, "start");
  const extended = withZeros(g, start, none, missing(g, x, least));
  return cut(g, extended, g.int64([count]), none, -1, count);
}

/** The reflect padding behind a signal: extending zeros first, then the reflection. */
function reflectionOfEnd(g: GraphBuilder, x: Value, count: Value, least: Value, size: Dim): Value {
  const none = g.int64([0]);
  const zeros = missing(g, x, least);
  const extended = withZeros(g, cut(g, x, g.neg(least), g.int64([FAR]), 1, "end"), none, zeros);
  const reflection = cut(g, extended, g.int64([-2]), g.int64([-FAR]), -1, "reflection");
  return cut(g, withZeros(g, reflection, zeros, none), none, count, 1, size);
}

/** Samples that a signal lacks to a multiple of the stride. */
function lackToStride(g: GraphBuilder, x: Value, stride: number): Value {
  return g.mod(g.neg(lengthOf(g, x)), g.int64([stride]));
}

/**
 * A signal extended behind by as many samples as part of it lacks to a multiple of the stride.
 *
 * @param joined the signal: past samples, then those of this call
 * @param x the samples of this call
 * @param mode zeros, or the last sample repeated
 */
export function padToStride(
  g: GraphBuilder,
  joined: Value,
  x: Value,
  stride: number,
  mode: "constant" | "edge",
): Value {
  const sides = g.concat([g.int64([0]), lackToStride(g, x, stride)], 0);
  const fill = mode === "constant" ? g.scalar(0) : undefined;
  return g.op("Pad", [joined, sides, fill, g.int64([TIME])], { mode }, {
    dtype: x.dtype,
    shape: joined.shape.with(TIME, "padded"),
  });
}

/**
 * The tiles of a whole signal, each extended by samples of its neighbours on both sides and at the
 * signal's ends by reflect padding, with as much more at the end as the stride needs.
 *
 * @param x one tile, or several whose lengths are multiples of the stride
 * @param reach taps of the kernel less the stride: the padding of both sides together
 */
export function reflectPad(
  g: GraphBuilder,
  x: readonly Value[],
  reach: number,
  stride: number,
): Value[] {
  const right = Math.floor(reach / 2);
  const left = reach - right;
  const last = x.at(-1)!;
  const behind = stride === 1
    ? g.int64([right])
    : g.add(g.int64([right]), lackToStride(g, last, stride));
  const least = stride === 1
    ? g.int64([left + 1])
    : g.add(g.max(behind, g.int64([left])), g.int64([1]));
  const head = reflectionOfStart(g, x[0]!, left, least);
  const tail = reflectionOfEnd(g, last, behind, least, stride === 1 ? right : "tail");
  return x.map((tile, i) =>
    g.concat([
      i === 0 ? head : g.slice(x[i - 1]!, TIME, -left),
      tile,
      tile === last ? tail : g.slice(x[i + 1]!, TIME, 0, right),
    ], TIME)
  );
}

/**
 * The padding of a strided causal layer behind a stream's last call; nothing in all others, whose
 * lengths are multiples of the stride.
 *
 * @param past the samples before this call's, as many as the stride
 * @param first whether this call is also the stream's first, so that there is no past
 */
export function tailOfStream(
  g: GraphBuilder,
  x: Value,
  past: Value,
  first: Value,
  stride: number,
): Value {
  const least = g.int64([stride + 1]);
  const near = cut(g, x, g.neg(least), g.int64([FAR]), 1, "near");
  const skipped = g.mul(g.cast(first, "I64"), g.int64([stride]));
  const known = cut(g, g.concat([past, near], TIME), skipped, g.int64([FAR]), 1, "known");
  return reflectionOfEnd(g, known, lackToStride(g, x, stride), least, "tail");
}
