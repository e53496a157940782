/**
 * Playing what is received: windows arrive in bursts of 17 frames, a screen wants one frame at a
 * time. A ring takes the bursts, and frames leave it on a schedule that starts with the first
 * frame and does not drift.
 *
 * @module
 */
import { type Clock, systemClock } from "@vcs/transport";
import { Pacer, type PacerCounters, type Underrun } from "@vcs/transport";
import type { Policy } from "@vcs/transport";
import type { ReceivedFrame, VideoReceiver } from "./receive.ts";

/** How frames are played. */
export interface PlayOptions {
  /** Frames a second; the stream's own rate where not given. */
  readonly rate?: number;
  /** Frames that the ring holds, 34 to 51 (two to three windows); 51 where not given. */
  readonly ring?: number;
  /**
   * Seconds that the first frame is held back, so that windows that come late by less than this
   * are not missed; 0.1 where not given. All frames are late by as much.
   */
  readonly jitter?: number;
  /** What is shown where no frame is there in time; `repeat` where not given. */
  readonly underrun?: Underrun;
  /** The frame for `blank`. */
  readonly blank?: ReceivedFrame;
  /** What a full ring does; `block` where not given: the decoder waits. */
  readonly overflow?: Policy;
  /** Ends playing with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Where time comes from; the machine's clock where not given. */
  readonly clock?: Clock;
}

/** A stream of frames at a steady rate. */
export interface Playback {
  /** Frames a second. */
  readonly rate: number;
  /** The frames, each at its time. */
  readonly frames: ReadableStream<ReceivedFrame>;
  /** What the ring has done so far: its depth, frames left out, underruns. */
  readonly counters: PacerCounters;
}

/**
 * Plays a stream. Resolves when its first frame is there, or its end.
 *
 * @throws {RangeError} where the ring does not hold 34 to 51 frames, or the rate or the jitter is
 * not a number of its range.
 */
export async function playVideo(
  receiver: VideoReceiver,
  options: PlayOptions = {},
): Promise<Playback> {
  const { ring = 51, jitter = 0.1, clock = systemClock, ...rest } = options;
  if (!(Number.isSafeInteger(ring) && ring >= 34 && ring <= 51)) {
    throw new RangeError(`Cannot play: found a ring of ${ring} frames, allowed are 34 to 51`);
  }
  if (!(jitter >= 0 && jitter <= 60)) {
    throw new RangeError(`Cannot play: found a jitter of ${jitter} s, allowed are 0 to 60`);
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
