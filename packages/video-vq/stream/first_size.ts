/**
 * What becomes of windows of another size than the first one: an output has one size.
 *
 * @module
 */
import { FrameFitter } from "../frames/frame_fitter.ts";
import type { Clip } from "./tokenizer.ts";
import type { TokenShape } from "./tokens.ts";
import type { WindowLimits } from "./window_limits.ts";

/**
 * What becomes of windows of another size than the first one: `fit` scales their frames to that
 * size, with bars where the shape differs, `skip` leaves them out as damaged, `keep` delivers them
 * as they are.
 */
export type OnResize = "fit" | "skip" | "keep";

/** Keeps the size of the first window. */
export class FirstSize {
  readonly #onResize: OnResize;
  #latent: TokenShape | undefined;
  #fitter: FrameFitter | undefined;
  #size: Pick<Clip, "width" | "height"> | undefined;

  /** No size is known yet. */
  constructor(onResize: OnResize) {
    this.#onResize = onResize;
  }

  /** What a window's latent is held against. */
  get limits(): Pick<WindowLimits, "size"> {
    return this.#onResize === "skip" && this.#latent ? { size: this.#latent } : {};
  }

  /** Notes the size of the first clip; gives later ones of another size in that one. */
  fit(clip: Clip, latent: TokenShape): Clip {
    this.#latent ??= latent;
    this.#size ??= { width: clip.width, height: clip.height };
    const { width, height } = this.#size;
    const isAlike = clip.width === width && clip.height === height;
    if (isAlike || this.#onResize !== "fit") return clip;
    this.#fitter ??= new FrameFitter({ width, height, fit: "pad" });
    const { frameCount } = clip;
    const [from, to] = [clip.width * clip.height * 3, width * height * 3];
    const data = new Uint8Array(frameCount * to);
    for (let i = 0; i < frameCount; i++) {
      const frame = clip.data.subarray(i * from, (i + 1) * from);
      data.set(this.#fitter.fit({ width: clip.width, height: clip.height, data: frame }), i * to);
    }
    return { frameCount, width, height, data };
  }
}
