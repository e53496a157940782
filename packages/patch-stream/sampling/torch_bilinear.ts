/**
 * PyTorch's `interpolate(mode="bilinear", align_corners=False)` of 8-bit RGB, to luma or to pixels,
 * down to the rounding of each step: one multiply rounded, one fused multiply-add, per axis. Only
 * the rows that an output needs are read, and no full-size float map is made.
 *
 * @module
 */
import { Kernel, Layout, type NeighbourTaps, type Size } from "@vcs/media/internal";
import { lumaFunction, rgbFunction } from "./torch_kernel.ts";

const round32 = Math.fround;

/** Neighbours of each output of one axis: half-pixel centres, clamped at the edges. */
export function bilinearTaps(input: number, output: number): NeighbourTaps<Float32Array> {
  const taps = {
    low: new Int32Array(output),
    high: new Int32Array(output),
    lowWeight: new Float32Array(output),
    highWeight: new Float32Array(output),
  };
  const scale = round32(input / output);
  for (let i = 0; i < output; i++) {
    const source = Math.max(0, round32(scale * (i + 0.5) - 0.5));
    const low = Math.min(Math.floor(source), input - 1);
    taps.low[i] = low;
    taps.high[i] = Math.min(low + 1, input - 1);
    taps.highWeight[i] = Math.min(source - low, 1);
    taps.lowWeight[i] = 1 - taps.highWeight[i]!;
  }
  return taps;
}

/** Floats that an output pixel has. */
const DEPTH = { luma: 1, rgb: 3 } as const;

/** Resizes images of one size to another, again and again, in memory of its own. */
export class TorchBilinear {
  readonly #kernel: Kernel<"resize">;
  readonly #rowBytes: number;
  readonly #rows: NeighbourTaps<Float32Array>;
  readonly #rowLength: number;
  readonly #memory: ArrayBuffer;
  readonly #at: Addresses;

  /** Prepares to make luma [height, width] or pixels [height, width, 3]. */
  constructor(kind: "luma" | "rgb", from: Size, to: Size) {
    this.#kernel = new Kernel({ resize: kind === "luma" ? lumaFunction() : rgbFunction() });
    this.#rowBytes = 3 * from.width;
    this.#rows = bilinearTaps(from.height, to.height);
    this.#rowLength = DEPTH[kind] * to.width;
    const layout = new Layout();
    this.#at = makeAddresses(layout, this.#rowBytes, to.width, this.#rowLength);
    this.#memory = this.#kernel.reserve(layout.size);
    const { low, high, lowWeight, highWeight } = bilinearTaps(from.width, to.width);
    const { left, right, lowX, highX } = this.#at;
    new Int32Array(this.#memory, left, to.width).set(low.map((column) => 3 * column));
    new Int32Array(this.#memory, right, to.width).set(high.map((column) => 3 * column));
    new Float64Array(this.#memory, lowX, to.width).set(lowWeight);
    new Float32Array(this.#memory, highX, to.width).set(highWeight);
  }

  /**
   * Resizes an image.
   *
   * @param rgb RGB bytes, [height, width, 3]
   * @param out floats of 0 to 255
   */
  resize(rgb: Uint8Array, out: Float32Array): void {
    const { top, bottom, left, right, lowX, highX, rowWeights, row } = this.#at;
    const bytes = new Uint8Array(this.#memory);
    const low = new Float64Array(this.#memory, rowWeights, 1);
    const high = new Float32Array(this.#memory, rowWeights + 8, 1);
    const made = new Float32Array(this.#memory, row, this.#rowLength);
    const end = row + 4 * this.#rowLength;
    const run = this.#kernel.functions.resize;
    const load = (at: number, line: number) =>
      bytes.set(rgb.subarray(line * this.#rowBytes, (line + 1) * this.#rowBytes), at);
    for (let j = 0; j < this.#rows.low.length; j++) {
      load(top, this.#rows.low[j]!);
      load(bottom, this.#rows.high[j]!);
      low[0] = this.#rows.lowWeight[j]!;
      high[0] = this.#rows.highWeight[j]!;
      run(top, bottom, left, right, lowX, highX, rowWeights, row, end);
      out.set(made, j * this.#rowLength);
    }
  }
}

/** Where the kernel's parameters lie in its memory. */
type Addresses = ReturnType<typeof makeAddresses>;

function makeAddresses(layout: Layout, rowBytes: number, width: number, rowLength: number) {
  return {
    top: layout.place(rowBytes),
    bottom: layout.place(rowBytes),
    left: layout.place(4 * width),
    right: layout.place(4 * width),
    lowX: layout.place(8 * width),
    highX: layout.place(4 * width),
    rowWeights: layout.place(12),
    row: layout.place(4 * rowLength),
  };
}
