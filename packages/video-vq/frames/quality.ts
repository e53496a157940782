/**
 * How close a reconstruction is to its source: PSNR over all three channels and SSIM of luma.
 *
 * @module
 */

/** PSNR and SSIM over all frames that were compared. */
export class Quality {
  #frames = 0;
  #values = 0;
  #squares = 0;
  #similarity = 0;

  /**
   * Compares a frame with its reconstruction.
   *
   * @param source RGB bytes, [height, width, 3]
   * @param copy RGB bytes of the same size
   * @throws {RangeError} if the sizes differ, or a side is shorter than the 11 pixels of SSIM's
   * window.
   */
  add(source: Uint8Array, copy: Uint8Array, width: number, height: number): void {
    const expected = width * height * 3;
    if (source.length !== expected || copy.length !== expected || Math.min(width, height) < 11) {
      throw new RangeError(
        `Cannot compare frames of ${width}x${height}: found ${source.length} and ${copy.length} bytes, expected ${expected} each, and sides of at least 11 pixels`,
      );
    }
    let squares = 0;
    for (let i = 0; i < expected; i++) squares += (source[i]! - copy[i]!) ** 2;
    this.#squares += squares;
    this.#values += expected;
    this.#frames++;
    this.#similarity += structuralSimilarity(luma(source), luma(copy), width, height);
  }

  /** Frames compared. */
  get frames(): number {
    return this.#frames;
  }

  /** Peak signal-to-noise ratio of all frames together in dB; infinite if nothing differs. */
  get psnr(): number {
    return 10 * Math.log10(255 ** 2 / (this.#squares / this.#values));
  }

  /** Structural similarity, the mean over frames; 1 if nothing differs. */
  get ssim(): number {
    return this.#similarity / this.#frames;
  }
}

/** Luma of BT.601, 0 to 255. */
function luma(rgb: Uint8Array): Float64Array {
  const out = new Float64Array(rgb.length / 3);
  for (let i = 0; i < out.length; i++) {
    out[i] = 0.299 * rgb[3 * i]! + 0.587 * rgb[3 * i + 1]! + 0.114 * rgb[3 * i + 2]!;
  }
  return out;
}

/** Weights of 11 pixels around a centre: a Gaussian with σ = 1.5. */
const KERNEL = (() => {
  const raw = Float64Array.from({ length: 11 }, (_, i) => Math.exp(-((i - 5) ** 2) / 4.5));
  const sum = raw.reduce((a, b) => a + b);
  return raw.map((weight) => weight / sum);
})();

/**
 * SSIM of two planes as Wang, Bovik, Sheikh and Simoncelli define it (IEEE TIP 13(4), 2004): an
 * 11×11 Gaussian window at every place where it lies inside the frame.
 */
function structuralSimilarity(
  a: Float64Array,
  b: Float64Array,
  width: number,
  height: number,
): number {
  const c1 = (0.01 * 255) ** 2;
  const c2 = (0.03 * 255) ** 2;
  const products = (x: Float64Array, y: Float64Array) => x.map((value, i) => value * y[i]!);
  const [ma, mb, aa, bb, ab] = [a, b, products(a, a), products(b, b), products(a, b)]
    .map((plane) => blurred(plane, width, height)) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
  let sum = 0;
  for (let i = 0; i < ma.length; i++) {
    const mean = ma[i]! * mb[i]!;
    const power = ma[i]! ** 2 + mb[i]! ** 2;
    sum += (2 * mean + c1) * (2 * (ab[i]! - mean) + c2) /
      ((power + c1) * (aa[i]! + bb[i]! - power + c2));
  }
  return sum / ma.length;
}

/** A plane filtered by the Gaussian where all of it lies inside: 10 less on each axis. */
function blurred(plane: Float64Array, width: number, height: number): Float64Array {
  const across = new Float64Array((width - 10) * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width - 10; x++) {
      across[y * (width - 10) + x] = weighted(plane, y * width + x, 1);
    }
  }
  const out = new Float64Array((width - 10) * (height - 10));
  for (let i = 0; i < out.length; i++) out[i] = weighted(across, i, width - 10);
  return out;
}

function weighted(plane: Float64Array, start: number, step: number): number {
  let sum = 0;
  for (let k = 0; k < 11; k++) sum += KERNEL[k]! * plane[start + k * step]!;
  return sum;
}
