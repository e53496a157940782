/**
 * What is in a picture besides its light: the logarithm of the luminance in bands of detail.
 *
 * @module
 */
import type { Grey } from "./grey.ts";

/** Detail of a picture in three bands. */
export interface Bands {
  /** Details up to a tenth of the width, by which pictures are laid over one another. */
  readonly detail: Grey;
  /** The finest, which a picture out of focus has lost. */
  readonly fine: Grey;
  /** Those that are left when a picture is out of focus. */
  readonly coarse: Grey;
}

/** Keeps the noise of dark areas from being texture. */
const FLOOR = 16;
/** Radii of the means that part the bands, in pixels of the small picture. */
const RADII = { fine: 1, coarse: 3, detail: 6, light: 12 };

/** Mean of a line of numbers around each, at most `radius` away. */
function meanLine(from: Float32Array, out: Float32Array, start: number, length: number, {
  step,
  radius,
}: { readonly step: number; readonly radius: number }): void {
  let sum = 0;
  for (let i = 0; i < Math.min(radius, length); i++) sum += from[start + i * step]!;
  for (let i = 0; i < length; i++) {
    const [next, last] = [i + radius, i - radius - 1];
    if (next < length) sum += from[start + next * step]!;
    if (last >= 0) sum -= from[start + last * step]!;
    const count = Math.min(length - 1, next) - Math.max(0, last + 1) + 1;
    out[start + i * step] = sum / count;
  }
}

/** Mean of the square around each pixel. */
function boxMean({ width, height, data }: Grey, radius: number): Float32Array {
  const [across, out] = [new Float32Array(data.length), new Float32Array(data.length)];
  for (let y = 0; y < height; y++) meanLine(data, across, y * width, width, { step: 1, radius });
  for (let x = 0; x < width; x++) meanLine(across, out, x, height, { step: width, radius });
  return out;
}

/** Means around each pixel of the pixels that count; 0 where none is near. */
function meansOf(logs: Grey, counted?: Uint8Array): (radius: number) => Float32Array {
  if (counted === undefined) return (radius) => boxMean(logs, radius);
  const size = { width: logs.width, height: logs.height };
  const known = { ...size, data: logs.data.map((x, i) => x * counted[i]!) };
  const shares = { ...size, data: Float32Array.from(counted) };
  return (radius) => {
    const share = boxMean(shares, radius);
    return boxMean(known, radius).map((sum, i) => share[i]! > 0 ? sum / share[i]! : 0);
  };
}

/**
 * The bands of a picture: light that changes takes nothing away.
 *
 * @param counted 1 for pixels that count; the others hold nothing. Default: all.
 */
export function bandsOf({ width, height, data }: Grey, counted?: Uint8Array): Bands {
  const logs = data.map((x) => Math.log(x + FLOOR));
  const means = meansOf({ width, height, data: logs }, counted);
  const between = (sharp: Float32Array, soft: Float32Array) => ({
    ...{ width, height },
    data: sharp.map((x, i) => counted?.[i] === 0 ? 0 : x - soft[i]!),
  });
  return {
    detail: between(logs, means(RADII.detail)),
    fine: between(logs, means(RADII.fine)),
    coarse: between(means(RADII.coarse), means(RADII.light)),
  };
}
