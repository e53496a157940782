/**
 * What audio reading needs of FFmpeg. Not public.
 *
 * @module
 */

/** An audio stream being decoded at its own rate. */
export interface AudioDecoding {
  /** Codec name as FFmpeg has it. */
  readonly codec: string;
  /** Samples per second and channel. */
  readonly sampleRate: number;
  /** Number of channels. */
  readonly channels: number;
  /** Samples as they are decoded, one array per channel. */
  readonly chunks: AsyncIterableIterator<Float32Array<ArrayBuffer>[]>;
}

/** Opens a file's audio stream. */
export type AudioDecoder = (
  source: string,
  stream: number | undefined,
  signal: AbortSignal | undefined,
) => Promise<AudioDecoding>;
