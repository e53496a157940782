/**
 * What video writing needs of FFmpeg. Not public.
 *
 * @module
 */

/** A track of sound, all choices made. */
export interface AudioPlan {
  /** FFmpeg's name of the encoder. */
  readonly encoder: "aac" | "libopus";
  /** Samples per second and channel. */
  readonly sampleRate: number;
  /** Channels, 1 or 2. */
  readonly channels: number;
}

/** A video to be written, all choices made. */
export interface EncodePlan {
  /** Path of the file. */
  readonly path: string;
  /** FFmpeg's name of the container. */
  readonly container: "mp4" | "webm";
  /** FFmpeg's name of the encoder. */
  readonly encoder: "libx264" | "libvpx-vp9";
  /** Settings of the encoder. */
  readonly settings: Readonly<Record<string, string>>;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** Frames per second as a fraction. */
  readonly rate: readonly [number, number];
  /** Seconds of a tick, as a fraction: that of a frame, or finer where frames have times. */
  readonly timeBase: readonly [number, number];
  /** Most frames between key frames. */
  readonly keyframeInterval: number;
  /** Colour tags: BT.709 for HD, BT.601 below. */
  readonly matrix: "bt709" | "smpte170m";
  /** Filter chain from RGB to what the encoder takes. */
  readonly filter: string;
  /** The sound, if there is any. */
  readonly audio: AudioPlan | undefined;
}

/** A file being written. */
export interface VideoEncoder {
  /** Encodes one frame of packed RGB, shown at a time in seconds; resolves when the next is welcome. */
  write(rgb: Uint8Array, seconds: number): Promise<void>;
  /** Encodes samples, a plane for each channel, that follow those before. */
  writeAudio(planes: readonly Float32Array[]): Promise<void>;
  /** Ends the file. */
  finish(): Promise<void>;
  /** Gives up; the file is of no use then. */
  abort(): Promise<void>;
}

/** Samples of several planes as one row of frames. */
export function interleaved(planes: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const all = new Float32Array(planes.length * planes[0]!.length);
  planes.forEach((plane, channel) => {
    for (let i = 0; i < plane.length; i++) all[i * planes.length + channel] = plane[i]!;
  });
  return all;
}
