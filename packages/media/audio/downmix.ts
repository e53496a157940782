/**
 * From many channels to two, as FFmpeg's `-ac 2` does with its usual layout for each number of
 * channels (libswresample, rematrix.c): the centre and the channels at the sides and the back come
 * in at half their power, the low-frequency channel not at all. Nothing is scaled down, so that loud
 * sound can pass 1, as in FFmpeg's own float output.
 *
 * @module
 */

const HALF = Math.SQRT1_2;

/** What each channel gives to left and right. */
type Gains = readonly (readonly [number, number])[];

const LEFT = [1, 0] as const;
const RIGHT = [0, 1] as const;
const CENTRE = [HALF, HALF] as const;
const LOW = [0, 0] as const;
const AT_LEFT = [HALF, 0] as const;
const AT_RIGHT = [0, HALF] as const;
const BACK = [0.5, 0.5] as const;

/** Gains by number of channels, in the order of WAV's channel mask. */
const GAINS: Readonly<Record<number, Gains>> = {
  3: [LEFT, RIGHT, LOW],
  4: [LEFT, RIGHT, CENTRE, BACK],
  5: [LEFT, RIGHT, CENTRE, AT_LEFT, AT_RIGHT],
  6: [LEFT, RIGHT, CENTRE, LOW, AT_LEFT, AT_RIGHT],
  7: [LEFT, RIGHT, CENTRE, LOW, BACK, AT_LEFT, AT_RIGHT],
  8: [LEFT, RIGHT, CENTRE, LOW, AT_LEFT, AT_RIGHT, AT_LEFT, AT_RIGHT],
};

/** Whether so many channels can be turned into two. */
export const canDownmix = (channels: number): boolean => GAINS[channels] !== undefined;

/**
 * Two channels of many.
 *
 * @param channels one array per channel, 3 to 8 of them
 */
export function downmix(channels: readonly Float32Array[]): Float32Array<ArrayBuffer>[] {
  const gains = GAINS[channels.length]!;
  return [0, 1].map((side) => {
    const mixed = new Float32Array(channels[0]!.length);
    for (const [channel, samples] of channels.entries()) {
      const gain = gains[channel]![side]!;
      if (gain === 0) continue;
      for (let i = 0; i < mixed.length; i++) mixed[i]! += gain * samples[i]!;
    }
    return mixed;
  });
}
