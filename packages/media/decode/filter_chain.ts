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
  /** Size before rotation. */
  readonly width: number;
  /** Size before rotation. */
  readonly height: number;
  /** Turn to apply. Default: none. */
  readonly orientation?: Orientation | undefined;
}

/** swscale's names of the matrices that FFmpeg's colour tags name. */
const MATRICES: Readonly<Record<string, string>> = {
  bt709: "bt709",
  bt470bg: "bt601",
  smpte170m: "bt601",
  fcc: "fcc",
  smpte240m: "smpte240m",
  bt2020nc: "bt2020",
  bt2020c: "bt2020",
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

/** The matrix that untagged video is taken to have: BT.709 for HD, BT.601 below. */
function matrixOf(facts: StreamFacts): string {
  return MATRICES[facts.colorMatrix] ?? (facts.height >= 720 ? "bt709" : "bt601");
}

/** Full range as tagged; the "j" formats are full range by name. */
function rangeOf(facts: StreamFacts): string {
  return facts.colorRange === "pc" || facts.pixelFormat?.startsWith("yuvj") ? "pc" : "tv";
}

/** The filter chain that gives packed RGB of the wanted size, upright. */
export function filterChain(facts: StreamFacts, plan: PixelPlan): string {
  const format = facts.pixelFormat ?? "";
  const reference = plan.color === "reference";
  const range = reference ? (format.startsWith("yuvj") ? "pc" : "tv") : rangeOf(facts);
  const matrix = reference ? "bt601" : matrixOf(facts);
  const color = isRgb(format) ? "" : `:in_color_matrix=${matrix}:in_range=${range}`;
  const scale = `scale=${plan.width}:${plan.height}:flags=bilinear${color}`;
  const { mirrored = false, rotation = 0 } = plan.orientation ?? {};
  return `${scale},format=rgb24${mirrored ? ",vflip" : ""}${TURNS[rotation]}`;
}
