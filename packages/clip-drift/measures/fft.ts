/**
 * The discrete Fourier transform of small squares, for correlations.
 *
 * @module
 */

/** A complex square of `side` by `side` numbers. */
export interface Spectrum {
  /** Side, a power of two. */
  readonly side: number;
  /** Real parts. */
  readonly re: Float64Array;
  /** Imaginary parts. */
  readonly im: Float64Array;
}

/** Bit reversal and roots of unity for a length. */
interface Plan {
  readonly reversed: Int32Array;
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

const plans = new Map<number, Plan>();

function planOf(n: number): Plan {
  let plan = plans.get(n);
  if (plan === undefined) {
    const reversed = new Int32Array(n);
    for (let i = 1; i < n; i++) reversed[i] = (reversed[i >> 1]! >> 1) | (i & 1 ? n >> 1 : 0);
    const angle = (i: number) => -2 * Math.PI * i / n;
    const half = { length: n / 2 };
    const cos = Float64Array.from(half, (_, i) => Math.cos(angle(i)));
    plan = { reversed, cos, sin: Float64Array.from(half, (_, i) => Math.sin(angle(i))) };
    plans.set(n, plan);
  }
  return plan;
}

/** Transforms `n` numbers at `start` and every `step` after, in place. */
function line({ re, im }: Spectrum, n: number, start: number, step: number): void {
  const { reversed, cos, sin } = planOf(n);
  for (let i = 0; i < n; i++) {
    const j = reversed[i]!;
    if (j <= i) continue;
    const [a, b] = [start + i * step, start + j * step];
    [re[a], re[b]] = [re[b]!, re[a]!];
    [im[a], im[b]] = [im[b]!, im[a]!];
  }
  for (let size = 2; size <= n; size *= 2) {
    for (let first = 0; first < n; first += size) {
      for (let k = 0; k < size / 2; k++) {
        const [c, s] = [cos[k * n / size]!, sin[k * n / size]!];
        const a = start + (first + k) * step;
        const b = a + size / 2 * step;
        const real = re[b]! * c - im[b]! * s;
        const imaginary = re[b]! * s + im[b]! * c;
        re[b] = re[a]! - real;
        im[b] = im[a]! - imaginary;
        re[a]! += real;
        im[a]! += imaginary;
      }
    }
  }
}

/** Transforms a square in place, and returns it. */
export function fft2(square: Spectrum): Spectrum {
  const { side } = square;
  for (let i = 0; i < side; i++) line(square, side, i * side, 1);
  for (let i = 0; i < side; i++) line(square, side, i, side);
  return square;
}

/** Share of the highest frequency that counts half in the correlation. */
const PASS = 0.5;

/**
 * Phase correlation: how far the second square is shifted against the first, and how clearly
 * (Kuglin and Hines 1975). High frequencies, which are noise, count less.
 *
 * @param a spectrum of the first
 * @param b spectrum of the second
 * @returns shift in pixels, and the height of its peak over the deviation of all shifts
 */
export function phaseShift(a: Spectrum, b: Spectrum): { x: number; y: number; peak: number } {
  const { side } = a;
  const [re, im] = [new Float64Array(side * side), new Float64Array(side * side)];
  const wave = (i: number) => (i < side / 2 ? i : i - side) / (side / 2);
  for (let i = 0; i < re.length; i++) {
    const real = b.re[i]! * a.re[i]! + b.im[i]! * a.im[i]!;
    const imaginary = b.im[i]! * a.re[i]! - b.re[i]! * a.im[i]!;
    const squared = wave(i % side) ** 2 + wave(Math.floor(i / side)) ** 2;
    const weight = Math.exp(-squared / (2 * PASS ** 2)) / (Math.hypot(real, imaginary) + 1e-9);
    re[i] = real * weight;
    // The conjugate, so that the same transform is the inverse.
    im[i] = -imaginary * weight;
  }
  fft2({ side, re, im });
  let best = 0;
  let squares = 0;
  for (let i = 0; i < re.length; i++) {
    if (re[i]! > re[best]!) best = i;
    squares += re[i]! ** 2;
  }
  const signed = (i: number) => i < side / 2 ? i : i - side;
  const peak = re[best]! / Math.sqrt(squares / re.length);
  return { x: signed(best % side), y: signed(Math.floor(best / side)), peak };
}
