/**
 * Watches one source: frame, embedding, measures, alerts, run folder, from top to bottom.
 *
 * @example The measures of a camera
 * ```ts ignore
 * import { openEncoder } from "@vcs/clip-drift/encoder";
 * import { openSource } from "@vcs/clip-drift/source";
 * import { watch } from "@vcs/clip-drift/watch";
 *
 * using encoder = await openEncoder();
 * const source = openSource("http://192.168.1.100:8000/stream.mjpg");
 * for await (const { index, row } of watch(source, encoder)) console.log(index, row.drift);
 * ```
 *
 * @module
 */
import { defined } from "@vcs/transport/internal";
import { type Alert, type AlertRule, AlertRules } from "./alerts.ts";
import { type DriftOptions, DriftTracker, type FrameRow, type SimilarityStats } from "./drift.ts";
import type { Encoder } from "./encoder.ts";
import { deviation, type Grey, LEAST_DEVIATION, smallGrey } from "./measures/grey.ts";
import { ClipDriftError } from "./errors.ts";
import { PictureMeasures } from "./measures/picture.ts";
import { RegionFilter, type Regions } from "./measures/regions.ts";
import type { Labels, LabelScore } from "./clip/labels.ts";
import type { Source, SourceFrame } from "./source.ts";

export type { Point, Polygon, Regions } from "./measures/regions.ts";

/** Settings of a watch. */
export interface WatchOptions {
  /** Settings of the measures. */
  readonly drift?: DriftOptions;
  /** Rules that raise alerts. */
  readonly rules?: readonly AlertRule[];
  /** Labels to choose from. */
  readonly labels?: Labels;
  /** Most frames per second. Default: Infinity. */
  readonly maxFps?: number;
  /** Called for each frame that comes sooner than `maxFps` allows. */
  readonly onLimited?: () => void;
  /** Seconds of identical frames after which the stream counts as frozen. Default: 10. */
  readonly frozenAfter?: number;
  /** What of the picture counts, for the model and for the measures. Default: all of it. */
  readonly regions?: Regions;
  /** Called for a frame that cannot be decoded, with the reason. */
  readonly onBadFrame?: (index: number, error: ClipDriftError) => void;
  /** Ends the watch. */
  readonly signal?: AbortSignal;
}

/** One frame and what came of it. */
export interface WatchedFrame {
  /** Index of the frame. */
  readonly index: number;
  /** When it came, in seconds since 1970. */
  readonly timestamp: number;
  /** Its embedding, of unit length. */
  readonly embedding: Float32Array;
  /** Its measures. */
  readonly row: FrameRow;
  /** The label that fits best. */
  readonly label?: LabelScore;
  /** The alerts that it raised. */
  readonly alerts: readonly Alert[];
  /** Whether there is anything in it; an image of one colour has no content. */
  readonly hasContent: boolean;
  /** Whether its bytes are those of the frame before. */
  readonly duplicate: boolean;
  /** Set on the frame with which the stream froze, and on the one with which it moved again. */
  readonly frozen?: boolean;
  /** Statistics of the latest similarities. */
  readonly recent: SimilarityStats;
  /** Statistics of all similarities so far. */
  readonly total: SimilarityStats;
  /** The frame itself. */
  readonly frame: SourceFrame;
}

/** Whether two frames are the same, byte for byte. */
function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined || a.length !== b.length) return false;
  for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return false;
  return true;
}

/** What the model and the eye make of a frame. */
interface Seen {
  readonly embedding: Float32Array;
  readonly hasContent: boolean;
  readonly grey: Grey;
  readonly width: number;
  /** Which pixels of the copy count. */
  readonly counted?: Uint8Array;
}

/** Recognises a repeated frame, and for how long it has been the same. */
class Repeats {
  readonly #frozenAfter: number;
  #previous: Seen & { readonly frame: SourceFrame } | undefined;
  #since = 0;
  #isFrozen = false;

  constructor(frozenAfter: number) {
    this.#frozenAfter = frozenAfter;
  }

  /** What was seen in an identical frame. */
  known(frame: SourceFrame): Seen | undefined {
    return isSame(this.#previous?.frame.bytes, frame.bytes) ? this.#previous : undefined;
  }

  /** Seconds for which the stream has been the same up to a time. */
  sameFor(time: number): number {
    return Math.max(0, time - this.#since);
  }

  /** Takes a frame; returns whether the stream is frozen, if that has changed. */
  push(frame: SourceFrame, seen: Seen, duplicate: boolean): boolean | undefined {
    this.#previous = { ...seen, frame };
    if (!duplicate || frame.timestamp < this.#since) this.#since = frame.timestamp;
    const isFrozen = duplicate && frame.timestamp - this.#since >= this.#frozenAfter;
    const changed = isFrozen !== this.#isFrozen;
    this.#isFrozen = isFrozen;
    return changed ? isFrozen : undefined;
  }
}

/** Drops frames that come sooner than the limit allows. */
async function* limited(
  frames: AsyncIterable<SourceFrame>,
  maxFps: number,
  onLimited: () => void,
): AsyncGenerator<SourceFrame> {
  const step = 1 / maxFps;
  let next = -Infinity;
  for await (const frame of frames) {
    // A clock that was set back starts the limit anew.
    if (frame.timestamp < next - 2 * step) next = -Infinity;
    if (frame.timestamp < next) {
      onLimited();
      continue;
    }
    next = Math.max(next + step, frame.timestamp + step / 2);
    yield frame;
  }
}

/**
 * Watches a source until its end or until the signal is aborted. A frame that cannot be decoded
 * has an index and no row.
 */
export async function* watch(
  source: Source,
  encoder: Encoder,
  options: WatchOptions = {},
): AsyncGenerator<WatchedFrame> {
  const { labels, onBadFrame = () => {}, onLimited = () => {}, maxFps = Infinity } = options;
  const tracker = new DriftTracker(options.drift);
  const rules = new AlertRules(options.rules ?? []);
  const pictures = new PictureMeasures();
  const repeats = new Repeats(options.frozenAfter ?? 10);
  const filter = options.regions && new RegionFilter(options.regions);
  let index = -1;
  const all = source.frames(options.signal);
  for await (const frame of maxFps === Infinity ? all : limited(all, maxFps, onLimited)) {
    index++;
    const { timestamp } = frame;
    const known = repeats.known(frame);
    const seen = known ?? await look(frame, encoder, filter).catch((error) => {
      if (!(error instanceof ClipDriftError && error.code === "bad-image")) throw error;
      onBadFrame(index, error);
    });
    if (seen === undefined) continue;
    const { embedding, hasContent } = seen;
    const duplicate = known !== undefined;
    const frozen = repeats.push(frame, seen, duplicate);
    const row = {
      ...tracker.push(embedding, timestamp, index, { hasContent, isDuplicate: duplicate }),
      ...pictures.push(seen.grey, seen.width, timestamp, seen.counted),
      frozen: duplicate ? repeats.sameFor(timestamp) : 0,
    };
    const alerts = rules.push(row, timestamp);
    const label = labels?.best(embedding);
    yield {
      ...{ index, timestamp, embedding, row, alerts, hasContent, duplicate, frame },
      ...defined({ frozen, label }),
      recent: tracker.recent,
      total: tracker.total,
    };
  }
}

async function look(
  frame: SourceFrame,
  encoder: Encoder,
  filter: RegionFilter | undefined,
): Promise<Seen> {
  const whole = await frame.image();
  const image = filter?.apply(whole) ?? whole;
  const grey = smallGrey(image);
  const counted = filter?.countedIn(grey.width, grey.height);
  const hasContent = deviation(grey) >= LEAST_DEVIATION;
  const embedding = await encoder.encode(image);
  return { embedding, hasContent, grey, width: image.width, ...defined({ counted }) };
}
