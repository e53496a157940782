/**
 * How much there is to see: a patch or a frame without texture says nothing, however much it
 * differs from what was there before.
 *
 * @module
 */
import { type CellWeights, sumCells } from "./cells.ts";
import { spread } from "./compensate.ts";
import type { PlaneSize } from "./energy.ts";

/** Mean step from pixel to pixel at which a patch weighs half of what it would at most. */
const HALF_TEXTURE = 4;
/** Weight of a patch without any texture: it loses to all that changed by more than noise. */
const EMPTY_WEIGHT = 1 / 64;

/** Weighs energy by the texture of the patches: an empty one says nothing, whatever it was. */
export function weighTexture(
  luma: Uint8Array,
  { width, height }: PlaneSize,
  [y, x]: readonly [CellWeights, CellWeights],
  energy: Float32Array,
): void {
  const steps = new Uint16Array(luma.length);
  for (let row = 0; row < height; row++) {
    const below = row + 1 < height ? width : 0;
    for (let column = 0; column < width; column++) {
      const at = row * width + column;
      const right = column + 1 < width ? 1 : 0;
      steps[at] = Math.abs(luma[at + right]! - luma[at]!) + Math.abs(luma[at + below]! - luma[at]!);
    }
  }
  const texture = new Float32Array(energy.length);
  sumCells(steps, width, y, x, 1 / (width * height), texture);
  for (let i = 0; i < energy.length; i++) {
    const weight = texture[i]! / (HALF_TEXTURE + texture[i]!);
    energy[i] = energy[i]! * (EMPTY_WEIGHT + (1 - EMPTY_WEIGHT) * weight);
  }
}

/** Deviation of luma below which a frame shows nothing: black, white, or covered. */
const EMPTY_DEVIATION = 3;

/** Whether a frame shows nothing. */
export function isEmptyFrame(luma: ArrayLike<number>): boolean {
  return spread(luma).deviation < EMPTY_DEVIATION;
}
