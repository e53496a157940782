/**
 * Luma of small frames as PyTorch resizes it: where rows and columns of the result are 128 or
 * fewer together, it adds four weighted neighbours, in an order and with roundings of its own, in
 * place of one axis after the other.
 *
 * @module
 */
import { bilinearTaps } from "../sampling/torch_bilinear.ts";
import type { PlaneSize } from "./energy.ts";

const round32 = Math.fround;

/** Rows and columns of a result, together, up to which PyTorch takes this way. */
const SMALL = 128;

/** Whether PyTorch takes this way. */
export function isSmallForTorch({ width, height }: PlaneSize): boolean {
  return width + height <= SMALL;
}

/** Resizes RGB of 8 bits to luma of 0 to 255. */
export function smallLuma(
  rgb: Uint8Array,
  from: PlaneSize,
  to: PlaneSize,
  out: Float32Array,
): void {
  const luma = lumaOf(rgb);
  const x = bilinearTaps(from.width, to.width);
  const y = bilinearTaps(from.height, to.height);
  for (let row = 0; row < to.height; row++) {
    const [above, below] = [y.low[row]! * from.width, y.high[row]! * from.width];
    const [top, bottom] = [y.lowWeight[row]!, y.highWeight[row]!];
    for (let column = 0; column < to.width; column++) {
      const [left, right] = [x.low[column]!, x.high[column]!];
      const [near, far] = [x.lowWeight[column]!, x.highWeight[column]!];
      // Fused steps: only the second product is rounded, and every sum.
      const rounded = round32(round32(top * far) * luma[above + right]!);
      let sum = round32(round32(top * near) * luma[above + left]! + rounded);
      sum = round32(round32(bottom * near) * luma[below + left]! + sum);
      out[row * to.width + column] = round32(
        round32(bottom * far) * luma[below + right]! + sum,
      );
    }
  }
}

function lumaOf(rgb: Uint8Array): Float32Array {
  const [red, green, blue] = [0.299, 0.587, 0.114].map(round32) as [number, number, number];
  return Float32Array.from({ length: rgb.length / 3 }, (_, n) => {
    const warm = round32(red * rgb[3 * n]!) + round32(green * rgb[3 * n + 1]!);
    return round32(warm) + round32(blue * rgb[3 * n + 2]!);
  });
}
