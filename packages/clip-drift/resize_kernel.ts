/**
 * The two passes of Pillow's resize in WebAssembly: 32-bit sums of bytes times fixed-point
 * weights, rounded, and held between 0 and 255.
 *
 * @module
 */
import {
  type Code,
  i32,
  i32x4,
  lanes,
  type Local,
  Locals,
  moduleBytes,
  repeat,
  v128,
} from "./wasm_code.ts";

/** Fraction bits of the weights. */
export const FRACTION_BITS = 22;
const HALF = i32x4.splat(i32.const(1 << (FRACTION_BITS - 1)));

/** Kernel of every output position of one axis: `taps` weights from input position `from`. */
export interface Axis {
  /** First input position of each output position. */
  readonly from: Int32Array;
  /** Weights of each output position. */
  readonly taps: number;
  /** Fixed-point weights, [positions, taps], padded with zeros. */
  readonly weights: Int32Array;
}

const plus = (local: Local, bytes: number): Code => local.set(i32.add(local.get, i32.const(bytes)));

/** Sums as bytes, in the first lanes. */
function toBytes(...sums: Local[]): Code {
  const [a, b, c, d] = sums.map((sum) => i32x4.shiftRight(sum.get, FRACTION_BITS));
  const low = lanes.narrowToWords(a!, b ?? a!);
  return lanes.narrowToBytes(low, c === undefined ? low : lanes.narrowToWords(c, d!));
}

/** Parameters of `columns`: where things lie, and their sizes in bytes or counts. */
function columnsFunction() {
  const locals = new Locals(8);
  const [source, stride, rows, from, weights, taps, columns, out] = Array.from(
    { length: 8 },
    (_, i) => locals.parameter(i),
  ) as [Local, Local, Local, Local, Local, Local, Local, Local];
  const [x, y, pixel, weight, end] = Array.from({ length: 5 }, () => locals.add()) as [
    ...[Local, Local, Local, Local, Local],
  ];
  const sum = locals.add("v128");
  const tap = [
    sum.set(i32x4.add(
      sum.get,
      i32x4.mul(
        i32x4.widenLow(lanes.widenBytesLow(v128.loadFirst(pixel.get))),
        v128.loadSplat(weight.get),
      ),
    )),
    plus(pixel, 3),
    plus(weight, 4),
  ];
  const position = [
    sum.set(HALF),
    pixel.set(i32.add(source.get, i32.load(i32.add(from.get, i32.mul(x.get, i32.const(4)))))),
    end.set(i32.add(weight.get, i32.mul(taps.get, i32.const(4)))),
    repeat(tap, i32.less(weight.get, end.get)),
    // The fourth byte is overwritten by the next position.
    v128.storeFirst(out.get, toBytes(sum)),
    plus(out, 3),
    plus(x, 1),
  ];
  const row = [
    x.set(i32.const(0)),
    weight.set(weights.get),
    repeat(position, i32.less(x.get, columns.get)),
    source.set(i32.add(source.get, stride.get)),
    plus(y, 1),
  ];
  return { parameters: 8, body: locals.body([repeat(row, i32.less(y.get, rows.get))]) };
}

/** Adds sixteen bytes times a weight to four sums of four. */
function addSixteen(sums: readonly Local[], bytes: Local, weight: Local): Code[] {
  const halves = [lanes.widenBytesLow(bytes.get), lanes.widenBytesHigh(bytes.get)];
  return sums.map((sum, i) => {
    const widen = i % 2 === 0 ? i32x4.widenLow : i32x4.widenHigh;
    return sum.set(i32x4.add(sum.get, i32x4.mul(widen(halves[i >> 1]!), weight.get)));
  });
}

/** Parameters of `rows`: one output row of `stride` bytes from `taps` input rows. */
function rowsFunction() {
  const locals = new Locals(5);
  const [source, stride, weights, taps, out] = Array.from(
    { length: 5 },
    (_, i) => locals.parameter(i),
  ) as [Local, Local, Local, Local, Local];
  const [x, pixel, weight, end] = Array.from({ length: 4 }, () => locals.add()) as [
    ...[Local, Local, Local, Local],
  ];
  const sums = Array.from({ length: 4 }, () => locals.add("v128"));
  const [bytes, factor] = [locals.add("v128"), locals.add("v128")];
  const tap = [
    bytes.set(v128.load(pixel.get)),
    factor.set(v128.loadSplat(weight.get)),
    ...addSixteen(sums, bytes, factor),
    pixel.set(i32.add(pixel.get, stride.get)),
    plus(weight, 4),
  ];
  const sixteen = [
    ...sums.map((sum) => sum.set(HALF)),
    pixel.set(i32.add(source.get, x.get)),
    weight.set(weights.get),
    repeat(tap, i32.less(weight.get, end.get)),
    v128.store(i32.add(out.get, x.get), toBytes(...sums)),
    plus(x, 16),
  ];
  const body = [
    end.set(i32.add(weights.get, i32.mul(taps.get, i32.const(4)))),
    repeat(sixteen, i32.less(x.get, stride.get)),
  ];
  return { parameters: 5, body: locals.body(body) };
}

/** The exported functions. */
interface Passes {
  columns(...parameters: number[]): void;
  rows(...parameters: number[]): void;
}

const memory = new WebAssembly.Memory({ initial: 1 });
let passes: Passes | undefined;

function loadPasses(): Passes {
  const bytes = moduleBytes([
    { name: "columns", ...columnsFunction() },
    { name: "rows", ...rowsFunction() },
  ]);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  return exports as unknown as Passes;
}

/** Loads and stores of sixteen bytes may pass the end of what they are about. */
const SLACK = 32;

/** Hands out places in the memory, one after the other. */
class Layout {
  #end = 0;

  place(bytes: number): number {
    const at = this.#end;
    this.#end = (at + bytes + SLACK + 15) & ~15;
    return at;
  }

  /** The memory, grown to hold all places. */
  reserve(): ArrayBuffer {
    const missing = this.#end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    return memory.buffer as ArrayBuffer;
  }
}

/**
 * Resizes columns, then rows.
 *
 * @param data RGB rows, of which the first is needed first
 * @param stride bytes of a row
 * @param rowCount rows that are needed
 * @param across kernels of the columns
 * @param down kernels of the rows; its positions count from the first row of `data`
 * @param out bytes of shape [down, across, 3]
 */
export function resizePasses(
  data: Uint8Array,
  stride: number,
  rowCount: number,
  across: Axis,
  down: Axis,
  out: Uint8Array,
): void {
  passes ??= loadPasses();
  const columns = across.from.length;
  const width = columns * 3;
  const layout = new Layout();
  const source = layout.place(data.length);
  const narrow = layout.place(rowCount * width);
  const result = layout.place(width);
  const from = layout.place(across.from.byteLength);
  const columnWeights = layout.place(across.weights.byteLength);
  const rowWeights = layout.place(down.weights.byteLength);
  const buffer = layout.reserve();
  new Uint8Array(buffer).set(data, source);
  new Int32Array(buffer, from).set(across.from.map((x) => x * 3));
  new Int32Array(buffer, columnWeights).set(across.weights);
  new Int32Array(buffer, rowWeights).set(down.weights);
  passes.columns(source, stride, rowCount, from, columnWeights, across.taps, columns, narrow);
  for (let y = 0; y < down.from.length; y++) {
    const first = narrow + down.from[y]! * width;
    passes.rows(first, width, rowWeights + y * down.taps * 4, down.taps, result);
    out.set(new Uint8Array(buffer, result, width), y * width);
  }
}
