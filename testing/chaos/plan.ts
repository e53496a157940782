/**
 * What goes wrong in a run of chaos, and when: all of it from a seed.
 *
 * @module
 */
import { random } from "#testing/fuzz.ts";

/** What can go wrong. */
export const KINDS = [
  "kill sender",
  "kill receiver",
  "kill broker",
  "stop sender",
  "stop receiver",
  "stop broker",
  "black hole",
  "reset",
  "delete place",
  "second receiver",
  "second sender",
] as const;

/** One of them. */
export type Kind = typeof KINDS[number];

/** A fault of a burst. */
export interface Planned {
  readonly kind: Kind;
  /** Milliseconds after the start of its burst. */
  readonly delay: number;
  /** Milliseconds until it heals. */
  readonly duration: number;
}

/** Milliseconds that each kind lasts at least and at most. */
const DURATIONS: Readonly<Record<Kind, readonly [number, number]>> = {
  "kill sender": [0, 500],
  "kill receiver": [0, 500],
  "kill broker": [0, 800],
  "stop sender": [300, 3000],
  "stop receiver": [300, 3000],
  "stop broker": [300, 3000],
  "black hole": [500, 4000],
  reset: [0, 0],
  // The receiver, which would make it anew, is stopped meanwhile; most of the time.
  "delete place": [-1000, 3000],
  "second receiver": [500, 3000],
  "second sender": [500, 3000],
};

/** Milliseconds after which a fault of a burst begins, at most. */
const DELAY = 1000;
/** Faults of a burst, at most. */
const MOST = 3;

/** Bursts of faults, without end. A run plays the next when messages come again after the last. */
export function* bursts(seed: number, kinds: readonly Kind[]): Generator<Planned[], never> {
  const next = random(seed);
  const fault = (): Planned => {
    const kind = kinds[Math.floor(next() * kinds.length)]!;
    const [least, most] = DURATIONS[kind];
    return { kind, delay: DELAY * next(), duration: least + (most - least) * next() };
  };
  // One alone is the most frequent: another may heal what it breaks.
  for (;;) yield Array.from({ length: 1 + Math.floor(MOST * next() ** 2) }, fault);
}
