/**
 * The FFmpeg filter chain from stored pixels to upright RGB. Both backends run the same text, so
 * that they give the same pixels.
 *
 * @module
 */
import type { StreamFacts } from "../ffmpeg/backend.ts";
import type { Orientation, Rotation } from "../formats/display_matrix.ts";

/** What the pixels are to become. */
export interface PixelPlan {
  /** "tagged" follows the stream's colour tags, "reference" is always BT.601. */
  readonly color: "tagged" | "reference";
  /** Whether HDR is mapped to SDR. Default: "keep". */
  readonly hdr?: "keep" | "sdr";
  /** What becomes of transparency. Default: "drop". */
  readonly alpha?: "drop" | "black";
  /** What becomes of interlaced frames. Default: "keep". */
  readonly interlaced?: "keep" | "field";
  /** Size before rotation. */
  readonly width: number;
  /** Size before rotation. */
  readonly height: number;
  /** Turn to apply. Default: none. */
  readonly orientation?: Orientation | undefined;
}

/**
 * swscale's names of the matrices that FFmpeg's colour tags name, or of the nearest one: swscale
 * has none of the constant-luminance and ICtCp kinds, which come with the primaries of BT.2020.
 */
const MATRICES: Readonly<Record<string, string>> = {
  bt709: "bt709",
  bt470bg: "bt601",
  smpte170m: "bt601",
  fcc: "fcc",
  smpte240m: "smpte240m",
  bt2020nc: "bt2020",
  bt2020c: "bt2020",
  smpte2085: "bt2020",
  "chroma-derived-nc": "bt2020",
  "chroma-derived-c": "bt2020",
  ictcp: "bt2020",
  "ipt-c2": "bt2020",
};

/** Filters that turn a frame clockwise. */
const TURNS: Readonly<Record<Rotation, string>> = {
  0: "",
  90: ",transpose=clock",
  180: ",hflip,vflip",
  270: ",transpose=cclock",
};

/** Whether a pixel format stores RGB, so that no colour matrix applies. */
function isRgb(format: string): boolean {
  return /^(gbr|rgb|bgr|argb|abgr|[0x]rgb|[0x]bgr|pal8)/.test(format);
}

/**
 * The matrix that RGB is made with, as swscale names it: that of the tag or the nearest one; where
 * none is near or nothing is tagged, BT.709 for HD, BT.601 below. Undefined for stored RGB.
 */
export function matrixOf(facts: StreamFacts, color: "tagged" | "reference"): string | undefined {
  if (isRgb(facts.pixelFormat ?? "")) return undefined;
  if (color === "reference") return "bt601";
  return MATRICES[facts.colorMatrix] ?? (facts.height >= 720 ? "bt709" : "bt601");
}

/** Whether the format's name says that values use their full range: the "j" formats, and grey. */
const isFullRange = (format: string): boolean => /^(yuvj|gray|ya\d|mono)/.test(format);

/** Full range as tagged, or by the name of the format. */
function rangeOf({ pixelFormat = "", colorRange }: StreamFacts, color: PixelPlan["color"]): string {
  const tagged = color === "tagged" && colorRange === "pc";
  return tagged || isFullRange(pixelFormat) ? "pc" : "tv";
}

/**
 * Takes the tags off, because swscale refuses frames with one that it does not know, although the
 * conversion is named in full.
 */
const UNTAGGED = "setparams=colorspace=unknown:color_primaries=unknown:color_trc=unknown,";

/** Transfer functions of HDR: PQ and HLG. */
const HDR = new Set(["smpte2084", "arib-std-b67"]);

/** Whether frames are mapped from HDR to SDR. */
export function isToneMapped(facts: StreamFacts, hdr: PixelPlan["hdr"]): boolean {
  return hdr === "sdr" && HDR.has(facts.colorTransfer);
}

/**
 * From HDR's RGB to that of BT.709: made linear with 100 nits as 1, its 1,000 nits mapped to 1. The
 * peak is named, because versions of FFmpeg guess it differently.
 */
function toneMapping(transfer: string): string {
  return ",format=gbrp16le" +
    `,setparams=range=pc:color_primaries=bt2020:color_trc=${transfer}:colorspace=gbr` +
    ",zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0:peak=10" +
    ",zscale=t=bt709,format=gbrp";
}

/** Formats that store transparency; palettes may hold some, and most hold none. */
const HAS_ALPHA = /^(yuva|gbrap|rgba|bgra|argb|abgr|ya\d)/;

/** Whether transparency is put over black. */
export function isFlattened({ pixelFormat = "" }: StreamFacts, alpha: PixelPlan["alpha"]): boolean {
  return alpha === "black" && HAS_ALPHA.test(pixelFormat);
}

/** Whether frames become their first fields. */
export function isDeinterlaced(
  { fieldOrder }: StreamFacts,
  interlaced: PixelPlan["interlaced"],
): boolean {
  return interlaced === "field" && fieldOrder !== "progressive";
}

/** The filter chain that gives packed RGB of the wanted size, upright. */
export function filterChain(facts: StreamFacts, plan: PixelPlan): string {
  const matrix = matrixOf(facts, plan.color);
  const range = rangeOf(facts, plan.color);
  const color = matrix === undefined ? "" : `:in_color_matrix=${matrix}:in_range=${range}`;
  const untagged = matrix === undefined ? "" : UNTAGGED;
  const field = isDeinterlaced(facts, plan.interlaced) ? `field=${facts.fieldOrder},` : "";
  const scale = `${field}${untagged}scale=${plan.width}:${plan.height}:flags=bilinear${color}`;
  const { mirrored = false, rotation = 0 } = plan.orientation ?? {};
  const mapping = isToneMapped(facts, plan.hdr) ? toneMapping(facts.colorTransfer) : "";
  const flat = isFlattened(facts, plan.alpha) ? ",format=gbrap,premultiply=inplace=1" : "";
  return `${scale}${mapping}${flat},format=rgb24${mirrored ? ",vflip" : ""}${TURNS[rotation]}`;
}
