/**
 * Images of sound: time to the right, frequency upwards, loudness as light.
 *
 * @module
 */
import type { Image } from "@vcs/media/image";

const SIZE = 512;
const WIDTH = 800;
const HEIGHT = 160;
/** Decibels between black and white. */
const RANGE = 75;
const SOFTEST = -85;
/** Colours from silence to full loudness. */
const RAMP = [
  [13, 12, 24],
  [52, 28, 94],
  [122, 44, 112],
  [200, 74, 84],
  [243, 138, 58],
  [252, 214, 120],
  [255, 250, 224],
] as const;

const WINDOW = Float64Array.from(
  { length: SIZE },
  (_, n) => 0.5 - 0.5 * Math.cos(2 * Math.PI * n / SIZE),
);

/** Fourier transform in place, of as many values as a power of two. */
function transform(real: Float64Array, imaginary: Float64Array): void {
  const count = real.length;
  let reversed = 0;
  for (let n = 1; n < count; n++) {
    let bit = count >> 1;
    for (; reversed & bit; bit >>= 1) reversed ^= bit;
    reversed ^= bit;
    if (n < reversed) {
      [real[n], real[reversed]] = [real[reversed]!, real[n]!];
      [imaginary[n], imaginary[reversed]] = [imaginary[reversed]!, imaginary[n]!];
    }
  }
  for (let half = 1; half < count; half *= 2) {
    for (let n = 0; n < count; n++) {
      if (n & half) continue;
      const angle = -Math.PI * (n % half) / half;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      const far = n + half;
      const a = real[far]! * cos - imaginary[far]! * sin;
      const b = real[far]! * sin + imaginary[far]! * cos;
      [real[far], imaginary[far]] = [real[n]! - a, imaginary[n]! - b];
      [real[n], imaginary[n]] = [real[n]! + a, imaginary[n]! + b];
    }
  }
}

/** Loudness of each frequency around a place, in decibels below a full sine. */
function loudness(samples: Float32Array, centre: number): Float64Array {
  const real = WINDOW.map((weight, n) => weight * (samples[centre - SIZE / 2 + n] ?? 0));
  const imaginary = new Float64Array(SIZE);
  transform(real, imaginary);
  return Float64Array.from({ length: SIZE / 2 }, (_, k) => {
    const power = (real[k]! ** 2 + imaginary[k]! ** 2) / (SIZE / 4) ** 2;
    return 10 * Math.log10(power + 1e-12);
  });
}

/** Frequencies of rows are spread as the ear does, nearly even up to 1 kHz of 12. */
const binOf = (row: number) => {
  const part = 1 - row / (HEIGHT - 1);
  return (SIZE / 2 - 1) * (18 ** part - 1) / 17;
};

function colour(decibels: number): number[] {
  const part = Math.min(1, Math.max(0, (decibels - SOFTEST) / RANGE)) * (RAMP.length - 1);
  const low = Math.min(RAMP.length - 2, Math.floor(part));
  return RAMP[low]!.map((value, c) => value + (part - low) * (RAMP[low + 1]![c]! - value));
}

/**
 * Draws a spectrogram.
 *
 * @param samples one channel, -1 to 1
 */
export function spectrogram(samples: Float32Array): Image {
  const data = new Uint8Array(WIDTH * HEIGHT * 3);
  for (let x = 0; x < WIDTH; x++) {
    const levels = loudness(samples, Math.round((x + 0.5) * samples.length / WIDTH));
    for (let y = 0; y < HEIGHT; y++) {
      const bin = binOf(y);
      const [below, above] = [levels[Math.floor(bin)]!, levels[Math.ceil(bin)]!];
      data.set(colour(below + (bin % 1) * (above - below)), 3 * (y * WIDTH + x));
    }
  }
  return { width: WIDTH, height: HEIGHT, data };
}
