/**
 * Options of the video reader, checked before any work is done.
 *
 * @module
 */

/** Options of a video reader. */
export interface VideoReaderOptions {
  /** Which FFmpeg: in process, the installed programs, or whichever is there. Default: "auto". */
  backend?: "auto" | "node-av" | "ffmpeg";
  /** Where to decode: "cpu" (default, and what "auto" means here) or "cuda", "cuda:1", … */
  device?: string;
  /** Decoder threads; 0 (default) is one per core. */
  threads?: number;
  /** What threads share: whole frames, slices of one, or both. Default: "auto", both. */
  threadType?: "auto" | "frame" | "slice";
  /**
   * Colour conversion: "tagged" (default) follows the stream's matrix and range tags, with BT.709
   * for untagged video of 720 lines and more and BT.601 below; "reference" is always BT.601, range
   * by pixel format alone.
   */
  color?: "tagged" | "reference";
  /**
   * What becomes of HDR (PQ or HLG): its values as they are stored ("keep", default), or colours for
   * ordinary screens ("sdr": BT.709, 1,000 nits mapped by Hable's curve). Other video is the same.
   */
  hdr?: "keep" | "sdr";
  /** What shows through: "drop" (default) leaves transparency out, "black" puts it over black. */
  alpha?: "drop" | "black";
  /**
   * What becomes of frames that are two fields of different times, where the source says so: both
   * as they are stored ("keep", default), or of each frame the first field in full height ("field").
   */
  interlaced?: "keep" | "field";
  /** What `data` holds: packed RGB (default), or the stored planes, tightly packed, not turned. */
  pixels?: "rgb" | "native";
  /** Size that frames are resized to inside the decoder, upright; bilinear. */
  size?: { readonly width: number; readonly height: number };
  /** Whether frames are turned upright as the container says. Default: true. */
  rotate?: boolean;
  /**
   * What to do about a frame that cannot be decoded or only with damage: throw (default); deliver
   * what the decoder made of it, or else the nearest frame that can be read; or leave out what
   * the decoder does not give at all. Whatever was not exact is listed in `replaced`.
   */
  onError?: "throw" | "nearest" | "skip";
  /** Which stream of the container. Default: the best video stream. */
  stream?: number;
  /**
   * Most pixels of a stored frame; a header of a few bytes can claim any number. Default: 67,108,864,
   * which is twice a frame of 8K.
   */
  maxPixels?: number;
  /**
   * Whether of a file at an `http:`, `https:` or `s3:` address only what is needed is read, by ranges: for a few
   * frames of a long film. Needs MP4 with H.264, H.265 or MPEG-4 and a server that sends ranges;
   * of others all is fetched, and `received` says why. `"rate"` reads Matroska and WebM so, too, where
   * key frames are listed and come at a constant rate: frames between them are counted, `received`
   * says so, and where a frame is not when it was counted to be reading fails with `decode-failed`.
   * Default: false: all is fetched first.
   */
  ranges?: boolean | "rate";
  /** How many files' indices this process keeps; 0 neither keeps nor uses any. Default: 16. */
  indexCacheSize?: number;
  /** Ends opening. */
  signal?: AbortSignal;
}

/** Options with the defaults filled in. */
export interface ResolvedOptions {
  readonly backend: "auto" | "node-av" | "ffmpeg";
  readonly device: string;
  readonly threads: number;
  readonly threadType: "auto" | "frame" | "slice";
  readonly color: "tagged" | "reference";
  readonly hdr: "keep" | "sdr";
  readonly alpha: "drop" | "black";
  readonly interlaced: "keep" | "field";
  readonly pixels: "rgb" | "native";
  readonly size: { readonly width: number; readonly height: number } | undefined;
  readonly rotate: boolean;
  readonly onError: "throw" | "nearest" | "skip";
  readonly stream: number | undefined;
  readonly maxPixels: number;
  readonly indexCacheSize: number;
  readonly ranges: boolean | "rate";
}

/** Most pixels of a picture, unless more are allowed. */
export const MAX_PIXELS: number = 1 << 26;

/** FFmpeg's own bound for so many pixels: it counts those that fill up lines and blocks, too. */
export const codedPixels = (maxPixels: number): number =>
  Math.min(2 ** 31 - 1, Math.ceil(1.25 * maxPixels) + 2 ** 20);

/** Checks a choice among words. */
function choice<T extends string>(name: string, value: string, choices: readonly T[]): T {
  const found = choices.find((word) => word === value);
  if (found !== undefined) return found;
  throw new TypeError(`Cannot open video: ${name} must be ${choices.join(", ")}, found ${value}`);
}

/** Checks a whole number. */
function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(
    `Cannot open video: ${name} must be a whole number of ${least} to ${most}, found ${value}`,
  );
}

function device(value: string): string {
  if (value === "auto") return "cpu";
  if (value === "cpu" || /^cuda(:\d+)?$/.test(value)) return value;
  throw new TypeError(
    `Cannot open video: device must be auto, cpu, cuda or cuda:n, found ${value}`,
  );
}

/**
 * Checks options and fills in the defaults.
 *
 * @throws {TypeError} for an unknown word
 * @throws {RangeError} for a number out of range
 */
export function resolveOptions(options: VideoReaderOptions): ResolvedOptions {
  const { size, stream } = options;
  if (size !== undefined && options.pixels === "native") {
    throw new TypeError("Cannot open video: native pixels keep their size, leave size out");
  }
  return {
    backend: choice("backend", options.backend ?? "auto", ["auto", "node-av", "ffmpeg"]),
    device: device(options.device ?? "cpu"),
    threads: whole("threads", options.threads ?? 0, 0, 1024),
    threadType: choice("threadType", options.threadType ?? "auto", ["auto", "frame", "slice"]),
    color: choice("color", options.color ?? "tagged", ["tagged", "reference"]),
    hdr: choice("hdr", options.hdr ?? "keep", ["keep", "sdr"]),
    alpha: choice("alpha", options.alpha ?? "drop", ["drop", "black"]),
    interlaced: choice("interlaced", options.interlaced ?? "keep", ["keep", "field"]),
    pixels: choice("pixels", options.pixels ?? "rgb", ["rgb", "native"]),
    size: size && {
      width: whole("size.width", size.width, 1, 32768),
      height: whole("size.height", size.height, 1, 32768),
    },
    rotate: options.rotate ?? true,
    onError: choice("onError", options.onError ?? "throw", ["throw", "nearest", "skip"]),
    stream: stream === undefined ? undefined : whole("stream", stream, 0, 65535),
    maxPixels: whole("maxPixels", options.maxPixels ?? MAX_PIXELS, 1, 2 ** 31 - 1),
    indexCacheSize: whole("indexCacheSize", options.indexCacheSize ?? 16, 0, 65536),
    ranges: options.ranges ?? false,
  };
}
