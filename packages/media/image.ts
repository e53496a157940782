/**
 * Still images: JPEG, PNG and WebP to packed RGB and back, by libvips (sharp, fetched from npm at
 * its first use; off the JavaScript thread); BMP, PPM, TGA and JPEG 2000 by FFmpeg. JPEG pixels are
 * libjpeg-turbo's at full size, without
 * shrink-on-load, colour profiles ignored: the ones that Pillow and OpenCV give.
 *
 * @example There and back
 * ```ts
 * import { decodeImage, encodePng } from "@vcs/media/image";
 * import assert from "node:assert/strict";
 *
 * const data = new Uint8Array([255, 0, 0, 0, 255, 0]);
 * const png = await encodePng({ width: 2, height: 1, data });
 * assert.deepEqual((await decodeImage(png)).data, data);
 * ```
 *
 * @module
 */
import { MediaError } from "./errors.ts";
import { MAX_PIXELS } from "./decode/video_options.ts";
import { claimedSize, type FfmpegKind, kindForFfmpeg } from "./formats/image_kinds.ts";
import { loadSharp, type Pipeline, type Sharp } from "./formats/sharp.ts";
import { withExtraRow } from "./formats/extra_row.ts";
import { withoutStrayBytes } from "./formats/stray_bytes.ts";

export { prepareImages } from "./formats/sharp.ts";

/** An image in memory. */
export interface Image {
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** RGB, shape [height, width, 3], 0 to 255. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** A decoded image. */
export interface DecodedImage extends Image {
  /** File format: "jpeg", "png", "webp", … */
  readonly format: string;
  /** EXIF orientation of 1 to 8; 1 where there is none. */
  readonly orientation: number;
}

/** Options of {@linkcode decodeImage}. */
export interface DecodeImageOptions {
  /** Whether to turn the image as EXIF says. Default: false, pixels as stored, like Pillow. */
  orient?: boolean;
  /** What becomes of transparency: left out, as Pillow does, or over black. Default: "drop". */
  alpha?: "drop" | "black";
  /** Whether to take what can be read of a cut-off or damaged file. Default: false, an error. */
  acceptDamaged?: boolean;
  /**
   * Most pixels; a header of a few bytes can claim any number. Sides have at most 65,535 in any case.
   * Default: 67,108,864, which is twice a picture of 8K.
   */
  maxPixels?: number;
}

/** The longest side of a JPEG. */
const MAX_SIDE = 65_535;

/** Refuses an image by the size that its header claims, before there are pixels. */
function checkSize(width: number, height: number, maxPixels = MAX_PIXELS): void {
  if (width * height <= maxPixels && Math.max(width, height) <= MAX_SIDE) return;
  throw new MediaError(
    "limit",
    `Cannot decode image: ${width}x${height} pixels, expected at most ${maxPixels} and sides of ` +
      `at most ${MAX_SIDE}; allow more with { maxPixels }`,
  );
}

/** Options of {@linkcode encodeJpeg}. */
export interface EncodeJpegOptions {
  /** 1 to 100. Default: 90. */
  quality?: number;
  /** Colour resolution. Default: "4:2:0". */
  chroma?: "4:2:0" | "4:4:4";
}

/** Bytes with an ArrayBuffer of their own, so that they can be transferred. */
function own(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const whole = bytes.byteLength === bytes.buffer.byteLength;
  return whole ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes);
}

/** RGB of CMYK as Pillow reckons it: each ink multiplied by what black leaves. */
function cmykToRgb(cmyk: Uint8Array): Uint8Array<ArrayBuffer> {
  const pixels = cmyk.length / 4;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    const light = 255 - cmyk[i * 4 + 3]!;
    for (let c = 0; c < 3; c++) {
      const product = cmyk[i * 4 + c]! * light + 128;
      rgb[i * 3 + c] = Math.max(0, light - (((product >> 8) + product) >> 8));
    }
  }
  return rgb;
}

function isLimit(error: unknown): boolean {
  return error instanceof MediaError && error.code === "limit";
}

/** The first line of what libvips says; it repeats itself. */
function reason(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
}

/** Decodes an image that FFmpeg reads and libvips does not. */
async function decodeByFfmpeg(
  bytes: Uint8Array,
  kind: FfmpegKind,
  { acceptDamaged, maxPixels = MAX_PIXELS, alpha = "drop" }: DecodeImageOptions,
): Promise<DecodedImage> {
  const onError = acceptDamaged ? "nearest" : "throw";
  const claimed = claimedSize(bytes, kind);
  if (claimed) checkSize(...claimed, maxPixels);
  const { VideoReader } = await import("./video_reader.ts");
  // By its name, because a TGA shows in nothing else what it is.
  const path = await Deno.makeTempFile({ suffix: `.${kind}` });
  try {
    await Deno.writeFile(path, bytes);
    const most = Math.min(Math.floor(maxPixels), 2 ** 31 - 1);
    const settings = { indexCacheSize: 0, onError, maxPixels: most, alpha } as const;
    await using video = await VideoReader.open(path, settings);
    checkSize(video.info.width, video.info.height, maxPixels);
    const { width, height, data } = await video.frameAt(0);
    return { format: kind === "j2k" ? "jp2" : kind, orientation: 1, width, height, data };
  } catch (error) {
    if (!(error instanceof MediaError) || error.code === "no-backend") throw error;
    const found = error.message.replaceAll(path, "the bytes");
    const code = isLimit(error) ? "limit" : "invalid-media";
    throw new MediaError(code, `Cannot decode image: ${found}`, { cause: error });
  } finally {
    await Deno.remove(path);
  }
}

/**
 * Decodes an image file to RGB. Transparency is left out unless `alpha` says otherwise, grey is spread over the three channels.
 *
 * @param bytes the file
 * @throws {MediaError} `invalid-media` where the bytes are not an image, or are a damaged one;
 * `limit` where it has more pixels than are allowed;
 * `no-backend` for BMP, PPM, TGA and JPEG 2000 without FFmpeg
 * @throws {TransportError} `part-missing` where sharp is not here and cannot be fetched
 */
export async function decodeImage(
  bytes: Uint8Array,
  options: DecodeImageOptions = {},
): Promise<DecodedImage> {
  if (bytes.length === 0) {
    throw new MediaError("invalid-media", "Cannot decode image: there are no bytes");
  }
  const kind = kindForFfmpeg(bytes);
  if (kind !== undefined) {
    return await decodeByFfmpeg(bytes, kind, options);
  }
  const sharp = await loadSharp();
  try {
    return await (options.acceptDamaged ? decode(sharp, bytes, "none", options) : decodeWhole(
      sharp,
      bytes,
      options,
    ));
  } catch (error) {
    if (isLimit(error)) throw error;
    throw new MediaError("invalid-media", `Cannot decode image: ${reason(error)}`, {
      cause: error,
    });
  }
}

/** What libjpeg warns of where part of the image is missing, and grey in its place. */
const MISSING_PART = /premature end|bad Huffman code/i;

/**
 * Decodes an image of which nothing is missing. libjpeg reports a missing part as a warning, like
 * stray bytes between segments, and libvips stops at the first warning; without stray bytes,
 * what is missing is reported.
 */
async function decodeWhole(
  sharp: Sharp,
  bytes: Uint8Array,
  options: DecodeImageOptions,
): Promise<DecodedImage> {
  const attempts = [
    () => decodeToLastRow(sharp, bytes, options),
    () => decodeToLastRow(sharp, withoutStrayBytes(bytes), options),
  ];
  for (const attempt of attempts) {
    try {
      return await attempt();
    } catch (error) {
      if (isLimit(error) || MISSING_PART.test(reason(error))) throw error;
    }
  }
  return await decode(sharp, bytes, "error", options);
}

/** Decodes an image, and fails at the first warning, of its last row of blocks, too. */
async function decodeToLastRow(
  sharp: Sharp,
  bytes: Uint8Array,
  options: DecodeImageOptions,
): Promise<DecodedImage> {
  const taller = options.orient ? undefined : withExtraRow(bytes);
  if (taller === undefined) return await decode(sharp, bytes, "warning", options);
  const { width, height } = taller;
  checkSize(width, height, options.maxPixels);
  const image = await decode(sharp, taller.bytes, "warning", { ...options, maxPixels: Infinity });
  return { ...image, height, data: image.data.slice(0, width * height * 3) };
}

async function decode(
  sharp: Sharp,
  bytes: Uint8Array,
  failOn: "none" | "error" | "warning",
  { orient, maxPixels, alpha }: DecodeImageOptions,
): Promise<DecodedImage> {
  let pipeline = sharp(bytes, { failOn, ignoreIcc: true, limitInputPixels: false });
  const { format, space, orientation = 1, ...size } = await pipeline.metadata();
  checkSize(size.width, size.height, maxPixels);
  if (orient) pipeline = pipeline.autoOrient();
  const inks = space === "cmyk";
  pipeline = inks
    ? pipeline.pipelineColourspace("cmyk").toColourspace("cmyk")
    : (alpha === "black" ? pipeline.flatten() : pipeline).removeAlpha().toColourspace("srgb");
  const { data, info } = await pipeline.raw().toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  return { format, orientation, width, height, data: inks ? cmykToRgb(data) : own(data) };
}

/** A pipeline that starts from RGB in memory, of one picture or of several below one another. */
async function fromRgb({ width, height, data }: Image, pageHeight = height): Promise<Pipeline> {
  const fits = Number.isSafeInteger(width) && Number.isSafeInteger(height) && width > 0 &&
    height > 0 && data.length === width * height * 3;
  if (!fits) {
    throw new RangeError(
      `Cannot encode image: ${width}x${height} RGB needs ${width * height * 3} bytes, ` +
        `found ${data.length}`,
    );
  }
  return (await loadSharp())(data, { raw: { width, height, channels: 3, pageHeight } });
}

/**
 * Encodes RGB as PNG.
 *
 * @throws {RangeError} where the data does not fit the size
 * @throws {TransportError} `part-missing` where sharp is not here and cannot be fetched
 */
export async function encodePng(image: Image): Promise<Uint8Array<ArrayBuffer>> {
  return own(await (await fromRgb(image)).png({ compressionLevel: 6 }).toBuffer());
}

/**
 * Encodes RGB as JPEG.
 *
 * @throws {RangeError} where the data does not fit the size or the quality is out of range
 * @throws {TransportError} `part-missing` where sharp is not here and cannot be fetched
 */
export async function encodeJpeg(
  image: Image,
  options: EncodeJpegOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { quality = 90, chroma = "4:2:0" } = options;
  if (!(Number.isSafeInteger(quality) && quality >= 1 && quality <= 100)) {
    throw new RangeError(`Cannot encode JPEG: quality must be 1 to 100, found ${quality}`);
  }
  const pipeline = await fromRgb(image);
  return own(await pipeline.jpeg({ quality, chromaSubsampling: chroma }).toBuffer());
}

/** Options of {@linkcode encodeWebp}. */
export interface EncodeWebpOptions {
  /** 1 to 100. Default: 85. */
  quality?: number;
  /** Milliseconds that each picture is shown for. Default: 200. */
  pictureMs?: number;
}

/**
 * Encodes pictures of one size as an animated WebP that starts over at its end.
 *
 * @throws {RangeError} where there is no picture, their sizes differ, the data does not fit, or an
 * option is out of range
 * @throws {TransportError} `part-missing` where sharp is not here and cannot be fetched
 */
export async function encodeWebp(
  pictures: readonly Image[],
  { quality = 85, pictureMs = 200 }: EncodeWebpOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const [first] = pictures;
  if (
    !first || pictures.some(({ width, height }) => width !== first.width || height !== first.height)
  ) {
    throw new RangeError(
      `Cannot encode WebP: expected pictures of one size, found ${
        pictures.map(({ width, height }) => `${width}x${height}`).join(", ") || "none"
      }`,
    );
  }
  const height = first.height * pictures.length;
  const data = new Uint8Array(first.width * height * 3);
  pictures.forEach((picture, i) => data.set(picture.data, i * first.data.length));
  const strip = await fromRgb({ width: first.width, height, data }, first.height);
  return own(
    await strip.webp({ quality, delay: pictures.map(() => pictureMs), loop: 0 }).toBuffer(),
  );
}
