/**
 * Frames that are decoded in ascending order and wanted in the order of a list.
 *
 * @module
 */
import type { VideoFrame } from "./video_types.ts";

/** Cuts a list into runs with at most so many different frames each. */
export function* batchesOf(list: readonly number[], size: number): Generator<number[]> {
  for (let at = 0; at < list.length;) {
    const batch = new Set<number>();
    const from = at;
    while (at < list.length && (batch.size < size || batch.has(list[at]!))) batch.add(list[at++]!);
    yield list.slice(from, at);
  }
}

/** Puts the frames of a list in its order; each is held from when it comes to its last use. */
export class ListOrder {
  readonly #list: readonly number[];
  /** How often each frame is still to be delivered. */
  readonly #uses = new Map<number, number>();
  readonly #held = new Map<number, VideoFrame>();
  #at = 0;

  /** @param list numbers of frames, in any order, repeated or not */
  constructor(list: readonly number[]) {
    this.#list = list;
    for (const id of list) this.#uses.set(id, (this.#uses.get(id) ?? 0) + 1);
  }

  /** The frames of the list, once each, as they must be added. */
  get ascending(): number[] {
    return [...this.#uses.keys()].sort((a, b) => a - b);
  }

  /** Frames in memory. */
  get held(): number {
    return this.#held.size;
  }

  /** Takes the next frame in; gives all whose turn it is. */
  *add(frame: VideoFrame): Generator<VideoFrame> {
    this.#held.set(frame.index, frame);
    yield* this.#ready(frame.index);
  }

  /** What is left when no more frames come; those that never came are skipped. */
  *rest(): Generator<VideoFrame> {
    yield* this.#ready(Infinity);
  }

  *#ready(decodedTo: number): Generator<VideoFrame> {
    for (; this.#at < this.#list.length && this.#list[this.#at]! <= decodedTo; this.#at++) {
      const frame = this.#held.get(this.#list[this.#at]!);
      if (frame === undefined) continue;
      const left = this.#uses.get(frame.index)! - 1;
      this.#uses.set(frame.index, left);
      if (left === 0) this.#held.delete(frame.index);
      yield left === 0 ? frame : { ...frame, data: frame.data.slice() };
    }
  }
}
