/**
 * Loads sharp, which is libvips in process.
 *
 * @module
 */
import { lazyPart } from "@vcs/transport/internal";
import { SHARP } from "./sharp_part.ts";

/** What we use of a pipeline of sharp. */
export interface Pipeline {
  metadata(): Promise<{
    format: string;
    space: string;
    width: number;
    height: number;
    orientation?: number | undefined;
  }>;
  /** Over black. */
  flatten(): Pipeline;
  removeAlpha(): Pipeline;
  autoOrient(): Pipeline;
  toColourspace(space: string): Pipeline;
  pipelineColourspace(space: string): Pipeline;
  raw(): Pipeline;
  png(options: { compressionLevel: number }): Pipeline;
  webp(options: { quality: number; delay: number[]; loop: number }): Pipeline;
  jpeg(options: { quality: number; chromaSubsampling: string }): Pipeline;
  toBuffer(): Promise<Uint8Array<ArrayBuffer>>;
  toBuffer(options: { resolveWithObject: true }): Promise<{
    data: Uint8Array<ArrayBuffer>;
    info: { width: number; height: number; channels: number };
  }>;
}

/** What we say of an input. */
export interface SharpOptions {
  /** Most pixels; false for any number. */
  readonly limitInputPixels?: number | false;
  /** Whether damage is an error. */
  readonly failOn?: "none" | "error" | "warning";
  /** Whether colour profiles are ignored. */
  readonly ignoreIcc?: boolean;
  /** Size of pixels that are not a file. */
  readonly raw?: {
    readonly width: number;
    readonly height: number;
    readonly channels: 3;
    /** Height of each picture, where several lie below one another. */
    readonly pageHeight?: number;
  };
}

/** What we use of sharp. */
export interface Sharp {
  (input: Uint8Array, options: SharpOptions): Pipeline;
  cache(enabled: boolean): void;
}

/** sharp without its cache: no two calls read the same bytes. */
export const loadSharp: () => Promise<Sharp> = lazyPart<Sharp>(SHARP, {
  prepare: (sharp) => sharp.cache(false),
});

/**
 * Makes sure that images can be decoded and encoded.
 *
 * @throws {TransportError} `part-missing` where sharp is not here and cannot be fetched
 */
export async function prepareImages(): Promise<void> {
  await loadSharp();
}
