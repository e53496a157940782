/**
 * The two passes of Pillow's resize in WebAssembly: 32-bit sums of bytes times fixed-point
 * weights, rounded, and held between 0 and 255.
 *
 * @module
 */
import {
  type Code,
  i16x8,
  i32,
  i32x4,
  i8x16,
  Kernel,
  type KernelFunction,
  type Local,
  Locals,
  repeat,
  v128,
} from "../simd/wasm.ts";
import { Layout } from "./layout.ts";
import type { FilterTaps } from "./taps.ts";

/** Fraction bits of the weights. */
export const FRACTION_BITS = 22;
const HALF = i32x4.const(1 << (FRACTION_BITS - 1));

/** Sums as bytes, in the first lanes. */
function toBytes(...sums: Local[]): Code {
  const [a, b, c, d] = sums.map((sum) => i32x4.shrS(sum.get, i32.const(FRACTION_BITS)));
  const low = i16x8.narrowI32x4S(a!, b ?? a!);
  return i8x16.narrowI16x8U(low, c === undefined ? low : i16x8.narrowI32x4S(c, d!));
}

/** Parameters of `columns`: where things lie, and their sizes in bytes or counts. */
function columnsFunction(): KernelFunction {
  const locals = new Locals(
    ...["source", "stride", "rows", "from", "weights", "taps", "columns", "out"] as const,
  );
  const { source, stride, rows, from, weights, taps, columns, out } = locals.parameters;
  const { x, y, pixel, weight, end } = locals.add("i32", "x", "y", "pixel", "weight", "end");
  const { sum } = locals.add("v128", "sum");
  const tap = [
    sum.set(i32x4.add(
      sum.get,
      i32x4.mul(
        i32x4.extendLowI16x8U(i16x8.extendLowI8x16U(v128.load32Zero(pixel.get))),
        v128.load32Splat(weight.get),
      ),
    )),
    pixel.advance(3),
    weight.advance(4),
  ];
  const position = [
    sum.set(HALF),
    pixel.set(i32.add(source.get, i32.load(i32.add(from.get, i32.mul(x.get, i32.const(4)))))),
    end.set(i32.add(weight.get, i32.mul(taps.get, i32.const(4)))),
    repeat(tap, i32.ltU(weight.get, end.get)),
    // The fourth byte is overwritten by the next position.
    v128.store32Lane(out.get, toBytes(sum), 0),
    out.advance(3),
    x.advance(1),
  ];
  const row = [
    x.set(i32.const(0)),
    weight.set(weights.get),
    repeat(position, i32.ltU(x.get, columns.get)),
    source.set(i32.add(source.get, stride.get)),
    y.advance(1),
  ];
  return { locals, body: [repeat(row, i32.ltU(y.get, rows.get))] };
}

/** Adds sixteen bytes times a weight to four sums of four. */
function addSixteen(sums: readonly Local[], bytes: Local, weight: Local): Code[] {
  const halves = [i16x8.extendLowI8x16U(bytes.get), i16x8.extendHighI8x16U(bytes.get)];
  return sums.map((sum, i) => {
    const extend = i % 2 === 0 ? i32x4.extendLowI16x8U : i32x4.extendHighI16x8U;
    return sum.set(i32x4.add(sum.get, i32x4.mul(extend(halves[i >> 1]!), weight.get)));
  });
}

/** Parameters of `rows`: one output row of `stride` bytes from `taps` input rows. */
function rowsFunction(): KernelFunction {
  const locals = new Locals("source", "stride", "weights", "taps", "out");
  const { source, stride, weights, taps, out } = locals.parameters;
  const { x, pixel, weight, end } = locals.add("i32", "x", "pixel", "weight", "end");
  const sums = Object.values(locals.add("v128", "first", "second", "third", "fourth"));
  const { bytes, factor } = locals.add("v128", "bytes", "factor");
  const tap = [
    bytes.set(v128.load(pixel.get)),
    factor.set(v128.load32Splat(weight.get)),
    ...addSixteen(sums, bytes, factor),
    pixel.set(i32.add(pixel.get, stride.get)),
    weight.advance(4),
  ];
  const sixteen = [
    ...sums.map((sum) => sum.set(HALF)),
    pixel.set(i32.add(source.get, x.get)),
    weight.set(weights.get),
    repeat(tap, i32.ltU(weight.get, end.get)),
    v128.store(i32.add(out.get, x.get), toBytes(...sums)),
    x.advance(16),
  ];
  const body = [
    end.set(i32.add(weights.get, i32.mul(taps.get, i32.const(4)))),
    repeat(sixteen, i32.ltU(x.get, stride.get)),
  ];
  return { locals, body };
}

let kernel: Kernel<"columns" | "rows"> | undefined;

/**
 * Resizes columns, then rows.
 *
 * @param data RGB rows, of which the first is needed first
 * @param stride bytes of a row
 * @param rowCount rows that are needed
 * @param across fixed-point weights of the columns
 * @param down those of the rows, which count from the first row of `data`
 * @param to where the bytes of shape [down, across, 3] go: from `at` on, a row every `stride`
 */
export function resizePasses(
  data: Uint8Array,
  stride: number,
  rowCount: number,
  across: FilterTaps<Int32Array>,
  down: FilterTaps<Int32Array>,
  to: {
    readonly out: Uint8Array;
    readonly at: number | undefined;
    readonly stride: number | undefined;
  },
): void {
  kernel ??= new Kernel({ columns: columnsFunction(), rows: rowsFunction() });
  const run = kernel.functions;
  const columns = across.start.length;
  const width = columns * 3;
  const { out, at = 0, stride: outStride = width } = to;
  const layout = new Layout();
  const source = layout.place(data.length);
  const narrow = layout.place(rowCount * width);
  const result = layout.place(width);
  const from = layout.place(across.start.byteLength);
  const columnWeights = layout.place(across.weights.byteLength);
  const rowWeights = layout.place(down.weights.byteLength);
  const buffer = kernel.reserve(layout.size);
  new Uint8Array(buffer).set(data, source);
  new Int32Array(buffer, from).set(across.start.map((x) => x * 3));
  new Int32Array(buffer, columnWeights).set(across.weights);
  new Int32Array(buffer, rowWeights).set(down.weights);
  run.columns(source, stride, rowCount, from, columnWeights, across.size, columns, narrow);
  for (let y = 0; y < down.start.length; y++) {
    const first = narrow + down.start[y]! * width;
    run.rows(first, width, rowWeights + y * down.size * 4, down.size, result);
    out.set(new Uint8Array(buffer, result, width), at + y * outStride);
  }
}
