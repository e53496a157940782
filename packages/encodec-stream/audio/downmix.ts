/**
 * Downmixing to the one or two channels of a model, as FFmpeg does it for files without downmix
 * levels of their own: centre, side and back channels 3 dB lower, the LFE channel dropped, and
 * everything scaled so that nothing clips.
 *
 * Source: ITU-R BS.775, and FFmpeg's order of channels for each number of them.
 *
 * @module
 */
import type { Planar } from "./overlap_add.ts";

const HALF_POWER = Math.SQRT1_2;

type Share = readonly [left: number, right: number];

const LEFT: Share = [1, 0];
const RIGHT: Share = [0, 1];
const CENTRE: Share = [HALF_POWER, HALF_POWER];
const LFE: Share = [0, 0];
const SIDE_LEFT: Share = [HALF_POWER, 0];
const SIDE_RIGHT: Share = [0, HALF_POWER];
const BACK: Share = [HALF_POWER * HALF_POWER, HALF_POWER * HALF_POWER];

/** Shares of the channels in left and right, by the number of channels. */
const LAYOUTS: { readonly [channels: number]: readonly Share[] } = {
  1: [[1, 1]],
  2: [LEFT, RIGHT],
  3: [LEFT, RIGHT, LFE],
  4: [LEFT, RIGHT, CENTRE, BACK],
  5: [LEFT, RIGHT, CENTRE, SIDE_LEFT, SIDE_RIGHT],
  6: [LEFT, RIGHT, CENTRE, LFE, SIDE_LEFT, SIDE_RIGHT],
  7: [LEFT, RIGHT, CENTRE, LFE, BACK, SIDE_LEFT, SIDE_RIGHT],
  8: [LEFT, RIGHT, CENTRE, LFE, SIDE_LEFT, SIDE_RIGHT, SIDE_LEFT, SIDE_RIGHT],
};

/** Gains of the source's channels for one side, with a sum of one. */
function weightsOf(layout: readonly Share[], side: 0 | 1): number[] {
  const sum = layout.reduce((total, share) => total + share[side], 0);
  return layout.map((share) => share[side] / sum);
}

function weighed(chunk: Planar, weights: readonly number[]): Float32Array<ArrayBuffer> {
  const mixed = new Float32Array(chunk[0]!.length);
  weights.forEach((weight, c) => {
    const samples = chunk[c]!;
    if (weight !== 0) { for (let i = 0; i < mixed.length; i++) mixed[i]! += weight * samples[i]!; }
  });
  return mixed;
}

/** Gains of the source's channels for each output channel. */
function weightsFor(from: number, to: number): number[][] {
  const layout = LAYOUTS[from];
  if (!layout) throw new RangeError(`Cannot mix audio: found ${from} channels, expected 1 to 8`);
  const [left, right] = [weightsOf(layout, 0), weightsOf(layout, 1)];
  return to === 2 ? [left, right] : [left.map((weight, c) => (weight + right[c]!) / 2)];
}

/**
 * Mixes chunks of 1 to 8 channels to one or two: mono goes to both sides, stereo becomes its mean.
 *
 * @throws {RangeError} if there are more channels.
 */
export function mixDown(
  chunks: AsyncIterable<Planar>,
  from: number,
  to: number,
): AsyncGenerator<Planar> {
  return weighedAll(chunks, weightsFor(from, to));
}

async function* weighedAll(chunks: AsyncIterable<Planar>, weights: readonly number[][]) {
  for await (const chunk of chunks) yield weights.map((row) => weighed(chunk, row));
}
