/**
 * From a live source to patches: every so many frames are a clip of their own.
 *
 * @module
 */
import { type LiveEvent, type LiveFrame, type LiveStream, openLive } from "@vcs/media";
import { defined } from "@vcs/transport/internal";
import type { PatchStreamConfig } from "../config.ts";
import { type Resolved, resolvePatchConfig } from "../config/fields.ts";
import type { SampledFrames } from "../sampling/sampled_video.ts";
import { PatchStreamSession } from "../session.ts";
import { settleBackends } from "../config/settle.ts";
import { checkProcessBackend, openStage } from "./backend.ts";
import { Stopwatch } from "./stopwatch.ts";
import { streamFrames } from "./stream_frames.ts";

/** What to read live, and which patches to keep of each window. */
export interface LivePatchConfig
  extends Omit<PatchStreamConfig, "videoPath" | "from" | "to" | "energy"> {
  /** URL of the source, as `openLive` of `@vcs/media` takes it. */
  videoPath: string;
  /** How energy is measured; `codec` needs a file. Default: `blocksad`. */
  energy?: "blocksad" | "reference";
  /** Windows after which to end. Default: none, the signal ends it. */
  windows?: number;
  /** Called on every connection and loss. */
  onEvent?: (event: LiveEvent) => void;
  /** Called with each frame that gave way to a later one while a window was processed. */
  onDrop?: () => void;
}

/**
 * Keeps patches of a live source, window by window: each is `sequenceLength` consecutive frames.
 * Frames are numbered as they come, and timed from the first by their arrival; as many as a window
 * has wait while one is processed, further ones give way. A window that is not full at the end is
 * dropped.
 *
 * @throws {RangeError} for a number out of range, before anything is opened
 * @throws {TypeError} for an unknown word or field, or a URL that is not live, before anything is
 * opened
 * @throws {MediaError} `connection-lost` if the source cannot be reached at first
 */
export async function* patchStreamLive(
  { windows = Infinity, onEvent, onDrop, ...config }: LivePatchConfig,
): AsyncGenerator<PatchStreamSession> {
  const resolved = await settleBackends(resolvePatchConfig({ ...config, decodeBackend: "cpu" }));
  const { signal, streamIndex: stream, sequenceLength, hdr } = resolved;
  await checkProcessBackend(resolved);
  await using live = await openLive(config.videoPath, {
    capacity: sequenceLength,
    hdr,
    ...defined({ signal, stream, onEvent, onDrop }),
  });
  let number = 0;
  let start: number | undefined;
  for await (const frames of windowsOf(live.frames, sequenceLength)) {
    start ??= frames[0]!.timestamp;
    const ids = frames.map((_, i) => number * sequenceLength + i);
    const about = describe(live, ids, frames.map(({ timestamp }) => timestamp - start!));
    yield await sessionOf(frames, about, resolved);
    if (++number >= windows) return;
  }
}

/** Full windows of consecutive frames. */
async function* windowsOf(
  frames: AsyncIterable<LiveFrame>,
  length: number,
): AsyncGenerator<LiveFrame[]> {
  let window: LiveFrame[] = [];
  for await (const frame of frames) {
    if (window.push(frame) < length) continue;
    yield window;
    window = [];
  }
}

/** What is known of a window's frames. */
function describe(
  { info: { width, height, fps } }: LiveStream,
  sampledFrameIds: readonly number[],
  pts: readonly number[],
): SampledFrames {
  const span = pts.at(-1)! - pts[0]!;
  const durationSec = span * pts.length / Math.max(1, pts.length - 1);
  const size = { width, height, rotation: 0 };
  return { sampledFrameIds, pts, fps, durationSec, ...size, decodedOn: "cpu", replaced: [] };
}

/** The patches of one window. */
async function sessionOf(
  frames: readonly LiveFrame[],
  about: SampledFrames,
  config: Resolved<PatchStreamConfig>,
): Promise<PatchStreamSession> {
  const watch = new Stopwatch();
  const isKey = frames.map(({ keyframe }) => keyframe);
  if (!isKey.includes(true)) isKey[0] = true;
  const { width, height, sampledFrameIds: ids } = about;
  const { delivered: _, ...kept } = await streamFrames(
    { width, height, ids, isKey, frames },
    config,
    (plan) => openStage(plan, config),
    watch,
  );
  const timings = watch.stop();
  return new PatchStreamSession({
    ...about,
    ...(config.profile && { timings }),
    ...kept,
    isKey,
  });
}
