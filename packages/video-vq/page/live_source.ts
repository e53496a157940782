/**
 * Endless frames in real time: a file or folder in a loop, a camera, or a drawn scene.
 *
 * @module
 */
import { systemClock } from "@vcs/transport/portable";
import { frameRateOf, type FrameSource, openSource } from "../frames/sources.ts";
import type { TimedFrame } from "../stream/windows.ts";

/** A source that does not end. */
export interface LiveSource {
  /** What it is, for people. */
  readonly description: string;
  /** Frames per second. */
  readonly fps: number;
  /** The frames, each at its time. */
  readonly frames: AsyncIterable<TimedFrame>;
}

/**
 * Opens a live source.
 *
 * @param reference path or URL; undefined for the drawn scene
 * @param stop ends it
 */
export async function openLiveSource(
  reference: string | undefined,
  fps: number | undefined,
  stop: AbortSignal,
): Promise<LiveSource> {
  if (reference === undefined) {
    return {
      description: "a drawn scene",
      fps: fps ?? 24,
      frames: paced(drawing, fps ?? 24, stop),
    };
  }
  const options = { ...(fps !== undefined && { fps }), stop };
  const first = await openSource(reference, options);
  const { description, live } = first;
  const rate = fps ?? first.frameRate[0] / first.frameRate[1];
  if (live) return { description, fps: rate, frames: first.frames };
  await first[Symbol.asyncDispose]();
  frameRateOf(rate);
  const again = async function* () {
    while (!stop.aborted) {
      await using source: FrameSource = await openSource(reference, options);
      yield* source.frames;
    }
  };
  return { description, fps: rate, frames: paced(again, rate, stop) };
}

/** Gives each frame at its time, counted from the first; times continue when a file is repeated. */
async function* paced(
  frames: () => AsyncIterable<Pick<TimedFrame, "width" | "height" | "data">>,
  fps: number,
  stop: AbortSignal,
): AsyncGenerator<TimedFrame> {
  const start = systemClock.now();
  let index = 0;
  for await (const { width, height, data } of frames()) {
    const due = start + index * 1000 / fps;
    try {
      await systemClock.sleep(due - systemClock.now(), stop);
    } catch {
      return;
    }
    yield { width, height, data, pts: index / fps, duration: 1 / fps };
    index++;
  }
}

const SIDE = 128;

/** A ball over a changing sky, without end. */
async function* drawing(): AsyncGenerator<Pick<TimedFrame, "width" | "height" | "data">> {
  for (let i = 0;; i++) {
    const data = new Uint8Array(SIDE * SIDE * 3);
    const x0 = 64 + 44 * Math.sin(i / 19);
    const y0 = 64 + 36 * Math.cos(i / 13);
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) {
        const inside = (x - x0) ** 2 + (y - y0) ** 2 < 260;
        const stripe = ((x + y + i) >> 4) % 2 * 18;
        const sky = [60 + y / 2 + stripe, 90 + 30 * Math.sin(i / 40) + y / 3, 150 - y / 4 + stripe];
        data.set(inside ? [250, 190 - y / 2, 60] : sky, (y * SIDE + x) * 3);
      }
    }
    yield await Promise.resolve({ width: SIDE, height: SIDE, data });
  }
}
