/**
 * From a source to an indexed video: inspection, index, and the request that all decoders share.
 *
 * @module
 */
import type { Backend, DecodeRequest, Inspection, StreamFacts } from "../ffmpeg/backend.ts";
import { MediaError } from "../errors.ts";
import { filterChain } from "./filter_chain.ts";
import { LruCache } from "./index_cache.ts";
import type { LocalSource } from "./media_source.ts";
import {
  type CountedFrame,
  indexCountedFrames,
  indexPackets,
  type VideoIndex,
} from "./video_index.ts";
import type { ResolvedOptions } from "./video_options.ts";
import type { VideoInfo } from "./video_types.ts";

/** A stream, its packets and its frames. */
export interface IndexedVideo {
  /** The header and all packets. */
  readonly inspection: Inspection;
  /** The presented frames. */
  readonly index: VideoIndex;
}

const cache = new LruCache<IndexedVideo>();

/** Decodes everything once, for streams whose packets carry no times. */
async function countFrames(
  backend: Backend,
  request: DecodeRequest,
): Promise<CountedFrame[]> {
  await using run = await backend.decode({ ...request, filter: undefined, wanted: [] });
  const counted: CountedFrame[] = [];
  for (let decoded; (decoded = await run.next());) {
    counted.push({ ticks: decoded.ticks, keyframe: decoded.keyframe });
  }
  return counted;
}

/** What every decoder of a reader has in common. */
export function requestFor(
  path: string,
  facts: StreamFacts,
  options: ResolvedOptions,
): DecodeRequest {
  const { pixels, color, rotate, threads, threadType, device } = options;
  const orientation = rotate ? facts : undefined;
  const { width, height } = storedSize(facts, options);
  return {
    source: path,
    facts,
    from: undefined,
    wanted: undefined,
    sparse: false,
    filter: pixels === "native"
      ? undefined
      : filterChain(facts, { color, width, height, orientation }),
    frameBytes: pixels === "native" ? undefined : width * height * 3,
    threads,
    threadType,
    device,
    motion: false,
    signal: undefined,
  };
}

/** Size that the decoder is to resize to, before the frame is turned. */
function storedSize(facts: StreamFacts, options: ResolvedOptions) {
  const { size, rotate } = options;
  if (size === undefined) return { width: facts.width, height: facts.height };
  const sideways = rotate && facts.rotation % 180 !== 0;
  return sideways ? { width: size.height, height: size.width } : size;
}

/** What the reader reports of the video. */
export function infoOf(
  facts: StreamFacts,
  { frames }: VideoIndex,
  options: ResolvedOptions,
  backend: Backend,
): VideoInfo {
  const { width, height } = storedSize(facts, options);
  const turned = options.pixels === "rgb" && options.rotate && facts.rotation % 180 !== 0;
  const [first, last] = [frames[0]!, frames.at(-1)!];
  const span = last.pts - first.pts;
  const { width: codedWidth, height: codedHeight, frameRate, timeBase: _, ...rest } = facts;
  return {
    ...rest,
    codedWidth,
    codedHeight,
    width: turned ? height : width,
    height: turned ? width : height,
    frameCount: frames.length,
    fps: span > 0 ? (frames.length - 1) / span : frameRate,
    duration: span + last.duration,
    backend: backend.name,
  };
}

/** Inspects a video, or takes what was found when the same file was opened before. */
export async function inspectVideo(
  source: LocalSource,
  backend: Backend,
  options: ResolvedOptions,
  signal: AbortSignal | undefined,
): Promise<IndexedVideo> {
  const key = `${backend.name}\n${options.stream}\n${source.identity}`;
  const keep = source.identity !== undefined && options.indexCacheSize > 0;
  const cached = keep ? cache.get(key) : undefined;
  if (cached) return cached;
  const inspection = await backend.inspect(source.path, options.stream, signal);
  let index = indexPackets(inspection);
  if (index === undefined) {
    const request = requestFor(source.path, inspection.facts, options);
    const counted = await countFrames(backend, { ...request, device: "cpu", signal });
    index = indexCountedFrames(counted, inspection);
  }
  if (index.frames.length === 0) {
    throw new MediaError("empty-video", `Cannot read video of ${source.path}: it has no frames`);
  }
  if (keep) cache.set(key, { inspection, index }, options.indexCacheSize);
  return { inspection, index };
}
