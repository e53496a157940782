/**
 * From a source to an indexed video: inspection, index, and the request that all decoders share.
 *
 * @module
 */
import type { Backend, DecodeRequest, Inspection, StreamFacts } from "../ffmpeg/backend.ts";
import { MediaError } from "../errors.ts";
import {
  filterChain,
  isDeinterlaced,
  isFlattened,
  isToneMapped,
  matrixOf,
} from "./filter_chain.ts";
import { LruCache } from "./index_cache.ts";
import type { LocalSource } from "./media_source.ts";
import { areJoined, settledFrom, withoutUnseen } from "./packet_doubts.ts";
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

/** The frames that a decoder gives from the beginning up to a time. */
async function countFrames(
  backend: Backend,
  request: DecodeRequest,
  end = Infinity,
): Promise<CountedFrame[]> {
  await using run = await backend.decode({ ...request, filter: undefined, wanted: [] });
  const counted: CountedFrame[] = [];
  for (let decoded; (decoded = await run.next());) {
    if ((decoded.ticks ?? -Infinity) >= end) break;
    counted.push({ ticks: decoded.ticks, keyframe: decoded.keyframe });
  }
  return counted;
}

/**
 * The time of the first frame that is shown, where others are listed before it: H.264 may begin with
 * pictures that are refreshed strip by strip, of which a decoder shows none before it is whole.
 */
async function shownFrom(
  backend: Backend,
  request: DecodeRequest,
  { ticks }: VideoIndex,
  { facts: { codec }, beginsWhole }: Inspection,
): Promise<number | undefined> {
  if (codec !== "h264" || beginsWhole) return undefined;
  const one = { ...request, filter: undefined, wanted: [], threads: 1 };
  await using run = await backend.decode(one);
  const first = await run.next();
  return first && !first.damaged && first.ticks! > ticks[0]! ? first.ticks : undefined;
}

/** The header's facts, with the size that the first frame shows where the header has none. */
async function withSize(
  backend: Backend,
  facts: StreamFacts,
  request: DecodeRequest,
): Promise<StreamFacts> {
  if (facts.width > 0 && facts.height > 0) return facts;
  await using run = await backend.decode({ ...request, filter: undefined, wanted: [] });
  const { width, height } = await run.next() ?? facts;
  return { ...facts, width, height };
}

/** Makes the index from the packets, and from decoding as far as those do not show what is shown. */
async function indexVideo(
  backend: Backend,
  inspection: Inspection,
  request: DecodeRequest,
): Promise<VideoIndex> {
  const { facts, packets } = inspection;
  const index = areJoined(packets) ? undefined : indexPackets(inspection);
  if (index === undefined) {
    return indexCountedFrames(await countFrames(backend, request), inspection);
  }
  // A GIF is no cut of another: what is hidden of it is torn, and decoders would show half a picture.
  const settled = facts.codec === "gif" ? undefined : settledFrom(packets);
  if (settled === undefined) {
    const start = await shownFrom(backend, request, index, inspection);
    if (start === undefined) return index;
    return indexPackets({ facts, packets: withoutUnseen(packets, [], start) })!;
  }
  const seen = await countFrames(backend, request, settled);
  const left = withoutUnseen(packets, seen.map(({ ticks }) => ticks), settled);
  return indexPackets({ facts, packets: left })!;
}

/**
 * Refuses a stream by the size that its header claims, before a frame is decoded.
 *
 * @throws {MediaError} `limit`
 */
export function checkPixels(
  { width, height }: Pick<StreamFacts, "width" | "height">,
  name: string,
  { maxPixels }: Pick<ResolvedOptions, "maxPixels">,
): void {
  if (width * height <= maxPixels) return;
  throw new MediaError(
    "limit",
    `Cannot read video of ${name}: found frames of ${width}x${height} pixels, expected at most ` +
      `${maxPixels}; allow more with { maxPixels }`,
  );
}

/** What every decoder of a reader has in common. */
export function requestFor(
  path: string,
  facts: StreamFacts,
  options: ResolvedOptions,
): DecodeRequest {
  const { pixels, rotate, threads, threadType, device, maxPixels } = options;
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
      : filterChain(facts, { ...options, width, height, orientation }),
    frameBytes: pixels === "native" ? undefined : width * height * 3,
    threads,
    threadType,
    device,
    maxPixels,
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

/** What the chain of filters changes. */
export function changesOf(
  facts: StreamFacts,
  options: ResolvedOptions,
): Pick<VideoInfo, "toneMapped" | "flattened" | "deinterlaced"> {
  const isRgb = options.pixels === "rgb";
  return {
    toneMapped: isRgb && isToneMapped(facts, options.hdr),
    flattened: isRgb && isFlattened(facts, options.alpha),
    deinterlaced: isRgb && isDeinterlaced(facts, options.interlaced),
  };
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
    conversionMatrix: matrixOf(facts, options.color),
    ...changesOf(facts, options),
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
  const list = options.ranges === "rate" ? "counted" : "listed";
  const key = `${backend.name}\n${options.stream}\n${list}\n${source.identity}`;
  const keep = source.identity !== undefined && options.indexCacheSize > 0;
  const cached = keep ? cache.get(key) : undefined;
  if (cached) {
    checkPixels(cached.inspection.facts, source.name, options);
    return cached;
  }
  const inspected = await backend.inspect(source.path, options.stream, signal, source.mirror);
  const { facts: stated } = inspected;
  checkPixels(stated, source.name, options);
  const { path, mirror } = source;
  const request = { ...requestFor(path, stated, options), mirror, device: "cpu", signal };
  const inspection = { ...inspected, facts: await withSize(backend, stated, request) };
  const index = await indexVideo(backend, inspection, request);
  if (index.frames.length === 0) {
    throw new MediaError("empty-video", `Cannot read video of ${source.name}: it has no frames`);
  }
  if (keep) cache.set(key, { inspection, index }, options.indexCacheSize);
  return { inspection, index };
}
