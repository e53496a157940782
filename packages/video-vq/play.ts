/**
 * Plays what is received: windows arrive in bursts of 17 frames, a screen shows one frame at a
 * time. A ring buffer takes the bursts, and frames leave it on a schedule that starts with the
 * first frame and does not drift.
 *
 * @module
 */
import { type Clock, systemClock } from "@vcs/transport/portable";
import { Pacer, type PacerCounters, type Underrun } from "@vcs/transport/portable";
import type { Policy } from "@vcs/transport";
import type { ReceivedFrame, VideoReceiver } from "./receive.ts";

/** How frames are played. */
export interface PlayOptions {
  /** Frames per second. Default: the rate of the stream. */
  readonly rate?: number;
  /** Frames that the ring buffer holds, 34 to 51 (two to three windows). Default: 51. */
  readonly ring?: number;
  /**
   * Seconds that the first frame is held back, so that windows that arrive late by less than this
   * cause no underrun. Every frame is delayed by it. Default: 0.1.
   */
  readonly jitter?: number;
  /** What is shown when no frame is there in time. Default: repeat. */
  readonly underrun?: Underrun;
  /** The frame that `blank` shows. */
  readonly blank?: ReceivedFrame;
  /** What a full ring does. Default: block, so that the decoder waits. */
  readonly overflow?: Policy;
  /** Aborts playback with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Where time comes from. Default: the machine's clock. */
  readonly clock?: Clock;
}

/** A stream of frames at a steady rate. */
export interface Playback {
  /** Frames per second. */
  readonly rate: number;
  /** The frames, each given when it is to be shown. */
  readonly frames: ReadableStream<ReceivedFrame>;
  /** What the ring has done so far: its depth, dropped frames, underruns. */
  readonly counters: PacerCounters;
}

/**
 * Plays a stream. Resolves when its first frame has arrived, or its end.
 *
 * @throws {RangeError} if the ring does not hold 34 to 51 frames, or the rate or the jitter is out
 * of range.
 */
export async function playVideo(
  receiver: VideoReceiver,
  options: PlayOptions = {},
): Promise<Playback> {
  const { ring = 51, jitter = 0.1, clock = systemClock, ...rest } = options;
  if (!(Number.isSafeInteger(ring) && ring >= 34 && ring <= 51)) {
    throw new RangeError(`Cannot play: found a ring of ${ring} frames, expected 34 to 51`);
  }
  if (!(jitter >= 0 && jitter <= 60)) {
    throw new RangeError(`Cannot play: found a jitter of ${jitter} s, expected 0 to 60`);
  }
  const frames = receiver.arrivals();
  const first = await frames.next();
  const [numerator, denominator] = first.value?.frameRate ?? [24, 1];
  const rate = options.rate ?? numerator / denominator;
  const pacer = new Pacer<ReceivedFrame>({ ...rest, rate, capacity: ring, clock });
  const shown = new TransformStream<ReceivedFrame, ReceivedFrame>(
    {
      transform(frame, output) {
        receiver.noteShown(frame);
        output.enqueue(frame);
      },
    },
    { highWaterMark: 1 },
    { highWaterMark: 0 },
  );
  const held = async function* () {
    if (first.done) return;
    await clock.sleep(jitter * 1000, options.signal);
    yield first.value;
    yield* frames;
  };
  return {
    rate,
    frames: ReadableStream.from(held()).pipeThrough(pacer).pipeThrough(shown),
    get counters() {
      return pacer.counters;
    },
  };
}
