/**
 * Walks a decoder along the index: matches each decoded frame to its index, and notices frames that
 * are missing or damaged.
 *
 * @module
 */
import type { DecodedFrame, DecodeRun } from "../ffmpeg/backend.ts";
import { MediaError } from "../errors.ts";
import { lastAtMost, type VideoIndex } from "./video_index.ts";

/** A decoded frame that was matched to the index. */
export interface Located {
  /** Index of the frame. */
  readonly frame: number;
  /** What the decoder gave; good until the cursor moves. */
  readonly decoded: DecodedFrame;
  /** Whether the decoder had to guess parts of it, or of a frame that it builds on. */
  readonly damaged: boolean;
}

/**
 * Most frames held because they came before their turn: a wrong timestamp has moved them, or a
 * frame before them is missing. Only after so many others is a frame given up.
 */
const MAX_HELD = 16;

/**
 * Refuses an index whose frames were counted, where the film has others.
 *
 * @throws {MediaError} `decode-failed`
 */
export function checkCounted({ countedAt }: VideoIndex): void {
  if (countedAt === undefined) return;
  throw new MediaError(
    "decode-failed",
    `Cannot read frames that the file does not list: they were counted at ${countedAt} a second, and ` +
      "the film has others here; ranges: true reads all of it, and so does a copy on this machine",
  );
}

/** One decoder pass over the index. */
export class FrameCursor implements AsyncDisposable {
  readonly #run: DecodeRun;
  readonly #index: VideoIndex;
  readonly #held = new Map<number, DecodedFrame>();
  #position: number;
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

  /** Which frame a decoded one is by its place: the next one, unless its time is that of a later one. */
  #byPlace(time: number | undefined): number | undefined {
    const from = Math.max(this.#position, ...[...this.#held.keys()].map((held) => held + 1));
    const next = this.#index.ticks.subarray(from, from + MAX_HELD);
    const ahead = next.findIndex((ticks) => Object.is(ticks, time ?? NaN));
    return ahead < 0 ? undefined : from + ahead;
  }

  /**
   * Which frame of the index a decoded one is: of those with its time, the first that is still to come; undefined
   * for one that the index does not list.
   */
  #identify({ ticks: time }: DecodedFrame): number | undefined {
    const { ticks, timed } = this.#index;
    if (!timed) return this.#byPlace(time);
    if (time === undefined) return undefined;
    let found: number | undefined;
    for (let i = lastAtMost(ticks, time); i >= 0 && ticks[i] === time; i--) {
      if (found === undefined || (i >= this.#position && !this.#held.has(i))) found = i;
    }
    return found;
  }

  /** Reads on until the next frame is there or given up; the earliest one there, else Infinity. */
  async #earliest(): Promise<number> {
    while (!this.#held.has(this.#position) && this.#held.size < MAX_HELD) {
      const decoded = await this.#run.next();
      if (decoded === undefined) break;
      const frame = this.#identify(decoded);
      if (frame === undefined) checkCounted(this.#index);
      if (frame === undefined || frame < this.#position || this.#held.has(frame)) {
        this.#pass(frame, decoded);
      } else {
        this.#held.set(frame, frame === this.#position ? decoded : decoded.keep());
      }
    }
    return Math.min(...this.#held.keys());
  }

  /** Takes note of a frame: those after it build on it, up to the next key frame. */
  #pass(frame: number | undefined, { damaged }: DecodedFrame): void {
    if (frame !== undefined && this.#index.frames[frame]!.keyframe) this.#damaged = false;
    this.#damaged ||= damaged;
  }

  /** Goes to a frame, past others that were not taken. */
  #skipTo(frame: number): void {
    if (frame <= this.#position) return;
    if (!this.#run.sparse) this.#damaged = true;
    this.#position = frame;
    for (const [held, decoded] of this.#held) {
      if (held >= frame) continue;
      this.#held.delete(held);
      this.#pass(held, decoded);
    }
  }

  #take(frame: number): Located {
    const decoded = this.#held.get(frame)!;
    this.#skipTo(frame);
    this.#held.delete(frame);
    this.#pass(frame, decoded);
    this.#position = frame + 1;
    return { frame, decoded, damaged: this.#damaged };
  }

  /** The next frame that the index lists; undefined at the end. */
  async next(): Promise<Located | undefined> {
    const frame = await this.#earliest();
    if (frame !== Infinity) return this.#take(frame);
    this.#position = this.#index.frames.length;
    return undefined;
  }

  /** Moves to a frame; undefined if the decoder never gave it. */
  async find(
    frame: number,
    visit?: (located: Located) => void,
  ): Promise<Located | undefined> {
    if (this.#run.sparse) this.#skipTo(frame);
    while (this.#position <= frame) {
      const earliest = await this.#earliest();
      if (earliest > frame) {
        this.#skipTo(frame + 1);
        return undefined;
      }
      const located = this.#take(earliest);
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
