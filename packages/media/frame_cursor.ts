/**
 * Walks a decoder along the index: tells which frame each picture is, and notices pictures that
 * are missing or damaged.
 *
 * @module
 */
import type { DecodeRun, Picture } from "./backend.ts";
import { lastAtMost, type VideoIndex } from "./video_index.ts";

/** A picture that was matched to the index. */
export interface Located {
  /** Index of the frame. */
  readonly frame: number;
  /** The picture; good until the cursor moves. */
  readonly picture: Picture;
  /** Whether the decoder had to guess parts of it, or of a frame that it builds on. */
  readonly damaged: boolean;
}

/** One decoder pass over the index. */
export class FrameCursor implements AsyncDisposable {
  readonly #run: DecodeRun;
  readonly #index: VideoIndex;
  #position: number;
  #ahead: Located | undefined;
  #damaged = false;

  /**
   * @param run decoder that starts at the frame `position` or before
   * @param position the first frame that may be taken from it
   */
  constructor(run: DecodeRun, index: VideoIndex, position: number) {
    this.#run = run;
    this.#index = index;
    this.#position = position;
  }

  /** The frame that comes next. */
  get position(): number {
    return this.#position;
  }

  /** Which frame a picture is; undefined for one that the index does not list from here on. */
  #identify(picture: Picture): number | undefined {
    const { ticks, timed } = this.#index;
    if (!timed) return this.#position;
    if (picture.ticks === undefined) return undefined;
    if (ticks[this.#position] === picture.ticks) return this.#position;
    const found = lastAtMost(ticks, picture.ticks);
    return ticks[found] === picture.ticks && found >= this.#position ? found : undefined;
  }

  /** The next picture that the index lists; undefined at the end. */
  async next(): Promise<Located | undefined> {
    if (this.#ahead) {
      const located = this.#ahead;
      this.#ahead = undefined;
      this.#position = located.frame + 1;
      return located;
    }
    for (let picture; (picture = await this.#run.next());) {
      const frame = this.#identify(picture);
      if (frame !== undefined) return this.#accept(frame, picture);
      this.#damaged ||= picture.damaged;
    }
    this.#position = this.#index.frames.length;
    return undefined;
  }

  #accept(frame: number, picture: Picture): Located {
    const gap = !this.#run.sparse && frame !== this.#position;
    if (this.#index.frames[frame]?.keyframe) this.#damaged = false;
    else this.#damaged ||= gap;
    this.#damaged ||= picture.damaged;
    this.#position = frame + 1;
    return { frame, picture, damaged: this.#damaged };
  }

  /** Moves to a frame; undefined if the decoder never gave it. */
  async find(
    frame: number,
    visit?: (located: Located) => void,
  ): Promise<Located | undefined> {
    while (this.#position <= frame) {
      const located = await this.next();
      if (located === undefined) return undefined;
      if (located.frame > frame) {
        this.#ahead = located;
        this.#position = frame + 1;
        return undefined;
      }
      visit?.(located);
      if (located.frame === frame) return located;
    }
    return undefined;
  }

  /** Ends the decoder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run[Symbol.asyncDispose]();
  }
}
