/**
 * The index of presented frames, and the plan to reach some of them: both are made from packets
 * alone, without decoding.
 *
 * @module
 */
import type { Inspection, PacketRecord, StreamFacts } from "../ffmpeg/backend.ts";
import { defined } from "@vcs/transport/portable";
import { isBare } from "./packet_doubts.ts";
import { startsAtKeyframes } from "./seekable_codecs.ts";

/** A frame as the container lists it. */
export interface IndexedFrame {
  /** Presentation time in seconds from the start of the container. */
  readonly pts: number;
  /** Time that the frame is shown for, in seconds. */
  readonly duration: number;
  /** Whether decoding can start here. */
  readonly keyframe: boolean;
  /** Bytes of the frame's packet; where packets have no times, of the one decoded in its place. */
  readonly size: number;
}

/** The presented frames in presentation order, and what seeking needs to know of them. */
export interface VideoIndex {
  /** The presented frames. */
  readonly frames: readonly IndexedFrame[];
  /** Presentation time of each frame in time-base units; NaN where the decoder gives none. */
  readonly ticks: Float64Array;
  /** Position of each frame in decode order, among all packets. */
  readonly order: Uint32Array;
  /** Whether frames can be identified by their times; else only by counting from the start. */
  readonly timed: boolean;
  /** Frames that a seek can lead to: decoding starts there, and nothing else has their time. */
  readonly entries: readonly boolean[];
  /** Whether frames that nobody asked for can stay undecoded: no two have the same time. */
  readonly sparse: boolean;
  /** Frames a second at which some were counted; undefined where the file lists all. */
  readonly countedAt?: number;
}

interface Shown extends PacketRecord {
  readonly ticks: number;
  readonly position: number;
}

/** Packets that are shown, in presentation order; undefined where one has no time. */
function presented(packets: readonly PacketRecord[]): Shown[] | undefined {
  const shown: Shown[] = [];
  for (const [position, packet] of packets.entries()) {
    if (!packet.shown) continue;
    if (packet.ticks === undefined) return undefined;
    shown.push({ ...packet, ticks: packet.ticks, position });
  }
  return shown.sort((a, b) => a.ticks - b.ticks || a.position - b.position);
}

/** Duration of the last frame: its packet's, or as long as frames are on average. */
function lastDuration(shown: readonly Shown[], inspection: Inspection): number {
  const [first, last] = [shown[0]!, shown.at(-1)!];
  if (last.duration > 0) return last.duration;
  if (shown.length > 1) return (last.ticks - first.ticks) / (shown.length - 1);
  const { frameRate, timeBase } = inspection.facts;
  return frameRate > 0 ? timeBase[1] / timeBase[0] / frameRate : 0;
}

/**
 * Makes the index from packets. Undefined where packets lack times (AVI with B-frames, raw
 * streams): then only decoding shows what is presented when.
 */
export function indexPackets(inspection: Inspection): VideoIndex | undefined {
  const shown = presented(inspection.packets);
  if (shown === undefined) return undefined;
  const { timeBase: [num, den], startTime, codec, pixelFormat } = inspection.facts;
  const end = shown.length === 0 ? 0 : shown.at(-1)!.ticks + lastDuration(shown, inspection);
  const frames = shown.map(({ ticks, keyframe, size }, i): IndexedFrame => ({
    pts: ticks * num / den - startTime,
    duration: ((shown[i + 1]?.ticks ?? end) - ticks) * num / den,
    keyframe,
    size,
  }));
  const seekable = startsAtKeyframes(codec, pixelFormat);
  const shared = shown.map(({ ticks }, i) =>
    shown[i - 1]?.ticks === ticks || shown[i + 1]?.ticks === ticks
  );
  return {
    frames,
    ticks: Float64Array.from(shown, (packet) => packet.ticks),
    order: Uint32Array.from(shown, (packet) => packet.position),
    timed: true,
    entries: shown.map(({ keyframe }, i) => keyframe && seekable && !shared[i]),
    sparse: seekable && !shared.includes(true),
    ...defined({ countedAt: inspection.countedAt }),
  };
}

/** A frame met while decoding from the start. */
export interface CountedFrame {
  /** Presentation time in time-base units; undefined where there is none. */
  readonly ticks: number | undefined;
  /** Whether it is a key frame. */
  readonly keyframe: boolean;
}

/** A step back in time that is longer, in seconds, starts another recording: FFmpeg's own bound. */
const STEP_BACK = 0.1;

/**
 * Times of frames in seconds; where there is none, or no later one, a frame after the last. What
 * was joined to the end of another recording follows it.
 */
function frameTimes(
  counted: readonly CountedFrame[],
  { timeBase: [num, den], startTime }: StreamFacts,
  step: number,
): number[] {
  const times: number[] = [];
  let origin = startTime;
  for (const { ticks } of counted) {
    const previous = times.at(-1);
    const time = ticks === undefined ? previous ?? 0 : ticks * num / den - origin;
    const isLater = previous === undefined || time > previous;
    times.push(isLater ? time : previous + step);
    if (!isLater && time < previous - STEP_BACK) origin -= previous + step - time;
  }
  return times;
}

/** Makes the index from a full decode, for streams whose packets do not show it. */
export function indexCountedFrames(
  counted: readonly CountedFrame[],
  { facts, packets }: Inspection,
): VideoIndex {
  const step = 1 / (facts.frameRate || 25);
  const times = isBare(packets)
    ? counted.map((_, i) => i * step)
    : frameTimes(counted, facts, step);
  const shown = packets.filter((packet) => packet.shown);
  const frames = counted.map(({ keyframe }, i): IndexedFrame => ({
    pts: times[i]!,
    duration: i + 1 < times.length ? times[i + 1]! - times[i]! : step,
    keyframe,
    size: shown[i]?.size ?? 0,
  }));
  return {
    frames,
    ticks: Float64Array.from(counted, ({ ticks }) => ticks ?? NaN),
    order: Uint32Array.from(counted, (_, i) => i),
    timed: false,
    entries: counted.map(() => false),
    sparse: false,
  };
}

/** Position of the last element of an ascending list that is not above a value; -1 if none. */
export function lastAtMost(values: ArrayLike<number>, value: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Index of the key frame that a frame is decoded from, or -1: from the beginning. */
export function keyframeBefore(index: VideoIndex, frame: number): number {
  for (let i = frame; i > 0; i--) {
    if (index.entries[i] && index.order[i]! <= index.order[frame]!) return i;
  }
  return -1;
}

/** Decode from a key frame (or on from where the decoder stands) up to the last of some frames. */
export interface Stretch {
  /** Index of the key frame to seek to; -1 for the beginning; undefined to decode on. */
  readonly from: number | undefined;
  /** Indices of the frames to deliver, ascending. */
  readonly frames: readonly number[];
  /** Number of frames that this stretch decodes. */
  readonly cost: number;
}

/** Where a decoder stands: the frame it would deliver next. */
export type Position = number | undefined;

/** How to get to one frame: decode on, or seek to its key frame, whichever decodes fewer. */
function approach(
  index: VideoIndex,
  frame: number,
  position: Position,
  seekCost: number,
): { from: number | undefined; cost: number } {
  const key = keyframeBefore(index, frame);
  const bySeek = index.order[frame]! - (key < 0 ? 0 : index.order[key]!) + 1;
  if (position === undefined || position > frame) return { from: key, cost: bySeek };
  const here = position === 0 ? 0 : index.order[position]!;
  const byDecode = Math.max(1, index.order[frame]! - here + 1);
  if (byDecode <= bySeek + seekCost) return { from: undefined, cost: byDecode };
  return { from: key, cost: bySeek };
}

/**
 * Plans how to reach frames by counting what each way would decode.
 *
 * @param ids ascending, without repeats
 * @param position where a running decoder stands, if there is one
 * @param seekCost frames that a seek costs on top
 */
export function planStretches(
  index: VideoIndex,
  ids: readonly number[],
  position: Position,
  seekCost: number,
): Stretch[] {
  const stretches: { from: number | undefined; frames: number[]; cost: number }[] = [];
  for (const id of ids) {
    const { from, cost } = approach(index, id, position, seekCost);
    const current = stretches.at(-1);
    if (from === undefined && current !== undefined) {
      current.frames.push(id);
      current.cost += cost;
    } else {
      stretches.push({ from, frames: [id], cost });
    }
    position = id + 1;
  }
  return stretches;
}

/**
 * The frames that are shown from one time on and before another: the first, and the one behind the
 * last.
 *
 * @throws {RangeError} where there are none
 */
export function framesBetween(
  pts: readonly number[],
  from = -Infinity,
  to = Infinity,
): { start: number; end: number } {
  const first = pts.findIndex((time) => time >= from - TIME_SLACK);
  const end = pts.findLastIndex((time) => time < to - TIME_SLACK) + 1;
  if (pts.length === 0 || (first >= 0 && end > first)) return { start: Math.max(first, 0), end };
  const asked = [from > -Infinity && `from ${from} s`, to < Infinity && `before ${to} s`];
  throw new RangeError(
    `Cannot read frames: found none ${asked.filter(Boolean).join(" ")}, the video shows ${
      pts[0]
    } s to ${pts.at(-1)} s`,
  );
}

/** Times are sums of rounded fractions: a frame due within a nanosecond counts as shown. */
const TIME_SLACK = 1e-9;
