/**
 * Half precision (IEEE 754 binary16) as raw bits, for runtimes that have no `Float16Array`.
 *
 * @module
 */

const LARGEST = 65504;
/** From here on numbers round to infinity: the middle between the largest one and the next. */
const TOO_LARGE = LARGEST + 16;
const [INFINITE, NAN, NEGATIVE] = [0x7c00, 0x7e00, 0x8000];
const SMALLEST_NORMAL = 2 ** -14;
/** A double of this size has no bits left for fractions: adding it rounds to a whole number. */
const WHOLE = 2 ** 52;

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

/** Rounds to a whole number, ties to even; for numbers from 0 to 2^51. */
function roundEven(x: number): number {
  return x + WHOLE - WHOLE;
}

/** Rounds a number to half precision once, ties to even. */
function halfBits(x: number): number {
  double[0] = x;
  const sign = words[1]! >>> 31 ? NEGATIVE : 0;
  const size = Math.abs(x);
  if (Number.isNaN(x)) return NAN;
  if (size >= TOO_LARGE) return sign | INFINITE;
  if (size < SMALLEST_NORMAL) return sign | roundEven(size * 2 ** 24);
  const exponent = (words[1]! >>> 20 & 0x7ff) - 1023;
  // A fraction that rounds up to 2,048 carries into the exponent, as it should.
  return sign | (exponent + 14 << 10) + roundEven(size * 2 ** (10 - exponent));
}

/** The number of raw bits. */
function halfNumber(bits: number): number {
  const sign = bits & NEGATIVE ? -1 : 1;
  const exponent = bits >> 10 & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Rounds numbers to half precision, ties to even; larger ones than fit become infinite. */
export function toHalf(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, halfBits);
}

/** Widens raw bits of half precision, which is exact. */
export function fromHalf(bits: ArrayLike<number>): Float32Array<ArrayBuffer> {
  return Float32Array.from(bits, halfNumber);
}
