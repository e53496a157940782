/**
 * How many bytes a tightly packed image takes in FFmpeg's pixel formats.
 *
 * @module
 */

/** Planes of one image: width and height divided by these, and samples per pixel. */
type Planes = readonly (readonly [number, number, number])[];

const CHROMA: Readonly<Record<string, readonly [number, number]>> = {
  "410": [4, 4],
  "411": [4, 1],
  "420": [2, 2],
  "422": [2, 1],
  "440": [1, 2],
  "444": [1, 1],
};

const PACKED: Readonly<Record<string, number>> = {
  rgb24: 3,
  bgr24: 3,
  rgba: 4,
  bgra: 4,
  argb: 4,
  abgr: 4,
  rgb0: 4,
  bgr0: 4,
  rgb48le: 6,
  rgba64le: 8,
  yuyv422: 2,
  uyvy422: 2,
};

/** Planes of a format by its name, or undefined for one that is not known. */
function planesOf(format: string): { planes: Planes; depth: number } | undefined {
  const yuv = /^yuv(j?)(a?)(4\d\d)p(\d*)(le)?$/.exec(format);
  if (yuv) {
    const chroma = CHROMA[yuv[3]!];
    if (chroma === undefined) return undefined;
    const [x, y] = chroma;
    const alpha: Planes = yuv[2] ? [[1, 1, 1]] : [];
    return { planes: [[1, 1, 1], [x, y, 2], ...alpha], depth: Number(yuv[4] || 8) };
  }
  const gbr = /^gbr(a?)p(\d*)(le)?$/.exec(format);
  if (gbr) return { planes: [[1, 1, gbr[1] ? 4 : 3]], depth: Number(gbr[2] || 8) };
  const gray = /^gray(\d*)(le)?$/.exec(format);
  if (gray) return { planes: [[1, 1, 1]], depth: Number(gray[1] || 8) };
  if (format === "nv12") return { planes: [[1, 1, 1], [2, 2, 2]], depth: 8 };
  if (format === "p010le") return { planes: [[1, 1, 1], [2, 2, 2]], depth: 16 };
  const packed = PACKED[format];
  return packed === undefined ? undefined : { planes: [[1, 1, packed]], depth: 8 };
}

/**
 * Bytes of one image, rows without padding; undefined for a format that is not known.
 *
 * @param format FFmpeg's name, as "yuv420p10le"
 */
export function imageBytes(format: string, width: number, height: number): number | undefined {
  const found = planesOf(format);
  if (found === undefined) return undefined;
  const bytes = found.depth > 8 ? 2 : 1;
  return found.planes.reduce(
    (sum, [x, y, samples]) => sum + Math.ceil(width / x) * Math.ceil(height / y) * samples * bytes,
    0,
  );
}
