/**
 * Keeps the patches of a video in a browser: WebCodecs decodes, the energy and the selection are
 * those of `@vcs/patch-stream`.
 *
 * @module
 */
import {
  type FramePatches,
  type FramesConfig,
  patchesOfFrames,
  sampleByIndex,
} from "@vcs/patch-stream/frames";

/** What is used of a packet of mediabunny. */
interface Packet {
  readonly timestamp: number;
  readonly type: "key" | "delta";
}

/** What is used of a decoded frame of mediabunny. */
interface Sample {
  readonly codedWidth: number;
  readonly codedHeight: number;
  allocationSize(options: { format: "RGBA" }): number;
  copyTo(bytes: Uint8Array, options: { format: "RGBA" }): Promise<unknown>;
  close(): void;
}

/** What is used of a video track of mediabunny. */
interface Track {
  canDecode(): Promise<boolean>;
  readonly codec: string | null;
}

/** What is used of the package mediabunny, which reads containers and drives WebCodecs. */
export interface Mediabunny {
  readonly ALL_FORMATS: unknown;
  readonly BlobSource: new (file: Blob) => unknown;
  readonly Input: new (options: { source: unknown; formats: unknown }) => {
    getPrimaryVideoTrack(): Promise<Track | null>;
  };
  readonly EncodedPacketSink: new (track: Track) => {
    packets(
      from?: undefined,
      to?: undefined,
      options?: { metadataOnly: true },
    ): AsyncIterable<Packet>;
  };
  readonly VideoSampleSink: new (track: Track) => {
    samplesAtTimestamps(times: readonly number[]): AsyncIterable<Sample | null>;
  };
}

/** The kept patches of a video, and its sampled frames. */
export interface VideoPatches extends FramePatches {
  /** Width of the video's frames in pixels. */
  readonly width: number;
  /** Height of the video's frames in pixels. */
  readonly height: number;
  /** Number of the frame at each position of the sequence. */
  readonly ids: readonly number[];
  /** Whether each position counts as a key frame. */
  readonly isKey: readonly boolean[];
  /** The distinct sampled frames as they were decoded, RGB of 8 bits. */
  readonly frames: readonly Uint8Array[];
}

/** The video's track, if this browser decodes it. */
async function openTrack({ Input, BlobSource, ALL_FORMATS }: Mediabunny, file: Blob) {
  const input = new Input({ source: new BlobSource(file), formats: ALL_FORMATS });
  const track = await input.getPrimaryVideoTrack();
  if (track === null) throw new TypeError("Cannot read the video: found no video track");
  if (await track.canDecode()) return track;
  throw new TypeError(`Cannot decode the video: this browser has no decoder of ${track.codec}`);
}

/** Presentation times of all frames, and which are key frames, from packets alone. */
async function indexOf({ EncodedPacketSink }: Mediabunny, track: Track): Promise<Packet[]> {
  const index: Packet[] = [];
  const packets = new EncodedPacketSink(track).packets(undefined, undefined, {
    metadataOnly: true,
  });
  for await (const { timestamp, type } of packets) index.push({ timestamp, type });
  return index.sort((a, b) => a.timestamp - b.timestamp);
}

/** A frame's pixels without alpha. */
async function rgbOf(sample: Sample): Promise<Uint8Array> {
  const rgba = new Uint8Array(sample.allocationSize({ format: "RGBA" }));
  await sample.copyTo(rgba, { format: "RGBA" });
  const rgb = new Uint8Array(rgba.length / 4 * 3);
  let to = 0;
  for (let from = 0; from < rgba.length; from += 4) {
    rgb[to++] = rgba[from]!;
    rgb[to++] = rgba[from + 1]!;
    rgb[to++] = rgba[from + 2]!;
  }
  return rgb;
}

/**
 * Samples a video uniformly and keeps the patches that carry the energy.
 *
 * @param count frames to sample
 * @throws {TypeError} where the browser cannot decode the video
 */
export async function patchesOfVideo(
  media: Mediabunny,
  file: Blob,
  count: number,
  config: FramesConfig = {},
): Promise<VideoPatches> {
  const track = await openTrack(media, file);
  const index = await indexOf(media, track);
  const ids = sampleByIndex(index.length, count);
  const isKey = ids.map((id) => index[id]!.type === "key");
  const times = [...new Set(ids)].map((id) => index[id]!.timestamp);
  const frames: Uint8Array[] = [];
  let [width, height] = [0, 0];
  for await (const sample of new media.VideoSampleSink(track).samplesAtTimestamps(times)) {
    if (sample === null) throw new TypeError("Cannot decode the video: a frame is missing");
    [width, height] = [sample.codedWidth, sample.codedHeight];
    frames.push(await rgbOf(sample));
    sample.close();
  }
  const clip = { width, height, ids, isKey, frames: frames.map((rgb) => rgb.slice()) };
  return { ...await patchesOfFrames(clip, config), width, height, ids, isKey, frames };
}
