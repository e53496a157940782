/**
 * One output row of PyTorch's bilinear resize in WebAssembly, of luma or of pixels.
 *
 * Each axis is `fma(lowWeight, low, round(highWeight * high))` in float32, as PyTorch computes it.
 * WebAssembly has no fused multiply-add that is the same everywhere; a product of two floats is
 * exact in a double, so that one addition of doubles and one rounding are the same.
 *
 * @module
 */
import {
  type Code,
  f32x4,
  f64x2,
  i16x8,
  i32,
  i32x4,
  i8x16,
  type KernelFunction,
  type Local,
  Locals,
  repeat,
  v128,
} from "@vcs/media/internal";

/** BT.601 luma of red, green and blue. */
const LUMA = [0.299, 0.587, 0.114] as const;

/** The upper two floats, brought down. */
const upper = (value: Code): Code =>
  i8x16.shuffle(value, value, [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]);
/** The lower two floats of each. */
const join = (low: Code, high: Code): Code =>
  i8x16.shuffle(low, high, [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]);

/** Weights of one axis: of the first inputs as doubles, of the second ones as floats. */
interface Weights {
  readonly low: Code;
  readonly lowUpper: Code;
  readonly high: Code;
}

/** Between two sets of four floats; both come from locals, since they are read twice. */
function between(first: Local, second: Local, weights: Weights): Code {
  const half = (pick: (value: Code) => Code, low: Code): Code =>
    f32x4.demoteF64x2Zero(
      f64x2.add(
        f64x2.mul(low, f64x2.promoteLowF32x4(pick(first.get))),
        f64x2.promoteLowF32x4(pick(second.get)),
      ),
    );
  return [
    ...second.set(f32x4.mul(weights.high, second.get)),
    ...join(half((value) => value, weights.low), half(upper, weights.lowUpper)),
  ];
}

/** What both kinds of kernel have: rows, tables of the columns, weights of the rows. */
function makeLocals() {
  const locals = new Locals(
    ...["top", "bottom", "left", "right", "lowX", "highX"] as const,
    ...["rowWeights", "out", "end"] as const,
  );
  const vectors = locals.add("v128", "a", "b", "above", "below", "low", "high");
  return { locals, ...locals.parameters, ...vectors };
}

/** Weights of the two rows: 8 bytes of a double, 4 of a float. */
function rowWeightCode({ rowWeights, low, high }: ReturnType<typeof makeLocals>) {
  const set: Code = [
    ...low.set(v128.load64Splat(rowWeights.get)),
    ...high.set(v128.load32Splat(i32.add(rowWeights.get, i32.const(8)))),
  ];
  return { set, weights: { low: low.get, lowUpper: low.get, high: high.get } };
}

/**
 * resize(top, bottom, left, right, lowX, highX, rowWeights, out, end): luma of one output row, four
 * pixels at a time, until `out` is `end`. `left` and `right` are byte offsets of the columns.
 */
export function lumaFunction(): KernelFunction {
  const names = makeLocals();
  const { locals, top, bottom, left, right, lowX, highX, out, end, a, b, above, below } = names;
  const { pixels } = locals.add("v128", "pixels");
  const corner = (row: Local, offsets: Local): Code => [
    ...pixels.set(i32x4.const(0)),
    ...[0, 1, 2, 3].flatMap((lane) => {
      const address = i32.add(row.get, i32.load(offsets.get, 4 * lane));
      return pixels.set(v128.load32Lane(address, pixels.get, lane));
    }),
    ...LUMA.map((weight, c) =>
      f32x4.mul(
        f32x4.const(weight),
        f32x4.convertI32x4U(
          v128.and(i32x4.shrU(pixels.get, i32.const(8 * c)), i32x4.const(255)),
        ),
      )
    ).reduce((sum, term) => f32x4.add(sum, term)),
  ];
  const columns: Weights = {
    low: v128.load(lowX.get),
    lowUpper: v128.load(lowX.get, 16),
    high: v128.load(highX.get),
  };
  const rows = rowWeightCode(names);
  const line = (row: Local): Code => [
    ...a.set(corner(row, left)),
    ...b.set(corner(row, right)),
    ...between(a, b, columns),
  ];
  const body = [
    rows.set,
    repeat([
      above.set(line(top)),
      below.set(line(bottom)),
      a.set(between(above, below, rows.weights)),
      v128.store(out.get, a.get),
      ...[left, right, highX, out].map((pointer) => pointer.advance(16)),
      lowX.advance(32),
    ], i32.ltU(out.get, end.get)),
  ];
  return { locals, body };
}

/** The same for pixels, one at a time: red, green, blue and a lane that is overwritten. */
export function rgbFunction(): KernelFunction {
  const names = makeLocals();
  const { locals, top, bottom, left, right, lowX, highX, out, end, a, b, above, below } = names;
  const corner = (row: Local, offsets: Local): Code =>
    f32x4.convertI32x4U(i32x4.extendLowI16x8U(
      i16x8.extendLowI8x16U(v128.load32Zero(i32.add(row.get, i32.load(offsets.get)))),
    ));
  const low = v128.load64Splat(lowX.get);
  const columns: Weights = { low, lowUpper: low, high: v128.load32Splat(highX.get) };
  const rows = rowWeightCode(names);
  const line = (row: Local): Code => [
    ...a.set(corner(row, left)),
    ...b.set(corner(row, right)),
    ...between(a, b, columns),
  ];
  const body = [
    rows.set,
    repeat([
      above.set(line(top)),
      below.set(line(bottom)),
      a.set(between(above, below, rows.weights)),
      v128.store(out.get, a.get),
      ...[left, right, highX].map((pointer) => pointer.advance(4)),
      lowX.advance(8),
      out.advance(12),
    ], i32.ltU(out.get, end.get)),
  ];
  return { locals, body };
}
