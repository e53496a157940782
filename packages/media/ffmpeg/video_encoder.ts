/**
 * What video writing needs of FFmpeg. Not public.
 *
 * @module
 */

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
  /** Most frames between key frames. */
  readonly keyframeInterval: number;
  /** Colour tags: BT.709 for HD, BT.601 below. */
  readonly matrix: "bt709" | "smpte170m";
  /** Filter chain from RGB to what the encoder takes. */
  readonly filter: string;
}

/** A file being written. */
export interface VideoEncoder {
  /** Encodes one frame of packed RGB; resolves when the next one is welcome. */
  write(rgb: Uint8Array): Promise<void>;
  /** Ends the file. */
  finish(): Promise<void>;
  /** Gives up; the file is of no use then. */
  abort(): Promise<void>;
}
