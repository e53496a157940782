/**
 * A film of claps: a flash and a click at the same moment, again and again, and finding both again in
 * what became of it.
 *
 * @module
 */
import type { TimedFrame } from "@vcs/video-vq";

/** Frames per second; a flash begins with a frame, as a click does with a sample. */
export const FPS = 25;
/** Columns and rows. */
export const SIDE = 64;
/** Rate of the clicks. */
export const RATE = 24_000;
/** Seconds at which something is seen and heard. */
export const CLAPS: readonly number[] = Array.from({ length: 20 }, (_, i) => 1 + 0.96 * i);
/** Length of the film. */
export const SECONDS = 20.4;

/** Frames that a flash lasts. */
const FLASH = 4;
/** Seconds that a click lasts. */
const CLICK = 0.04;

/** The frames: a dark ramp, or white. */
export function* flashes(): Generator<TimedFrame> {
  const dark = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => 20 + (i / 3 >> 6) / 4);
  const white = new Uint8Array(SIDE * SIDE * 3).fill(250);
  for (let i = 0; i < SECONDS * FPS; i++) {
    const isFlash = CLAPS.some((second) => {
      const since = i - Math.round(second * FPS);
      return since >= 0 && since < FLASH;
    });
    const data = isFlash ? white : dark;
    yield { data, width: SIDE, height: SIDE, pts: i / FPS, duration: 1 / FPS };
  }
}

/** The sound, in pieces of a tenth of a second: silence, or a note that fades. */
export function* clicks(rate = RATE): Generator<Float32Array<ArrayBuffer>> {
  const sound = new Float32Array(SECONDS * rate);
  for (const second of CLAPS) {
    for (let i = 0; i < CLICK * rate; i++) {
      const fade = 1 - i / (CLICK * rate);
      sound[Math.round(second * rate) + i] = 0.8 * fade * Math.sin(2 * Math.PI * 1000 * i / rate);
    }
  }
  const piece = rate / 10;
  for (let at = 0; at < sound.length; at += piece) yield sound.slice(at, at + piece);
}

/** A value at a second. */
export type Level = readonly [second: number, value: number];

/** How long after something was seen or heard it is not looked for again: less than a pause. */
const DEAD = 0.5;

/** Seconds at which a level rises beyond a threshold. */
export function onsets(levels: Iterable<Level>, threshold: number): number[] {
  const found: number[] = [];
  let isUp = false;
  for (const [second, value] of levels) {
    const rises = value > threshold && !isUp;
    isUp = value > threshold;
    if (rises && second - (found.at(-1) ?? -Infinity) > DEAD) found.push(second);
  }
  return found;
}

/** Mean of all bytes. */
export function brightness(data: Uint8Array): number {
  return data.reduce((sum, value) => sum + value, 0) / data.length;
}

/** Samples as levels. */
export function* loudness(samples: Float32Array, rate: number): Generator<Level> {
  for (let i = 0; i < samples.length; i++) yield [i / rate, Math.abs(samples[i]!)];
}

/** Brightness beyond which a picture is a flash, and samples beyond which one is a click. */
export const THRESHOLD = { seen: 128, heard: 0.2 } as const;

/**
 * Seconds by which sound comes after the picture, of each clap that is both seen and heard.
 *
 * @param seen seconds at which it flashes
 * @param heard seconds at which it clicks
 */
export function offsets(seen: readonly number[], heard: readonly number[]): number[] {
  const near = (seconds: readonly number[], clap: number) =>
    seconds.find((second) => Math.abs(second - clap) < 0.4);
  return CLAPS.flatMap((clap) => {
    const [picture, sound] = [near(seen, clap), near(heard, clap)];
    return picture === undefined || sound === undefined ? [] : [sound - picture];
  });
}
