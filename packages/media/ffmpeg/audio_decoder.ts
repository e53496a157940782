/**
 * What audio reading needs of FFmpeg. Not public.
 *
 * @module
 */

/** A piece of audio. Streams may change their rate and channels on the way. */
export interface AudioChunk {
  /** Samples per second and channel. */
  readonly sampleRate: number;
  /** One array per channel. */
  readonly samples: Float32Array<ArrayBuffer>[];
}

/** An audio stream being decoded at its own rate. */
export interface AudioDecoding {
  /** Codec name as FFmpeg has it. */
  readonly codec: string;
  /** Samples per second and channel, as the stream announces them. */
  readonly sampleRate: number;
  /** Number of channels, as the stream announces them. */
  readonly channels: number;
  /** When the first sample is heard, in seconds by the clock of the file's pictures. Default: 0. */
  readonly startTime?: number;
  /** Samples as they are decoded. */
  readonly chunks: AsyncIterable<AudioChunk>;
  /** Frees what is held, also where no chunk was ever taken; not while one is being decoded. */
  close(): Promise<void>;
}

/**
 * Opens a file's audio stream.
 *
 * @param signal ends decoding, also while a chunk is waited for
 */
export type AudioDecoder = (
  source: string,
  stream: number | undefined,
  signal: AbortSignal,
) => Promise<AudioDecoding>;
