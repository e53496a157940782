/**
 * Where a picture went as a whole, in whole pixels: every shift is tried on a small picture, the
 * best few are refined on larger ones.
 *
 * @module
 */

/** A plane of numbers, row by row. */
export interface Plane {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Values, [height, width]. */
  readonly data: Float32Array;
}

/** How far the picture before lies to the right and below, in pixels, with what remains then. */
export interface Shift {
  /** Columns. */
  readonly dx: number;
  /** Rows. */
  readonly dy: number;
  /** Mean difference over what both pictures show, the more the less that is. */
  readonly error: number;
}

/** Most pixels of the picture on which every shift is tried. */
const SMALLEST_PIXELS = 1024;
/** Difference that counts at most, in mean details: what does not fit is no camera motion. */
const CAP = 2;
/** Shifts that are followed to larger pictures, and how much worse than the best they may be. */
const KEPT = 4;
const FOLLOWED = 1.3;

/** Half of a plane on each axis: means of 2 by 2. */
export function halved({ width, height, data }: Plane): Plane {
  const [across, down] = [width >> 1, height >> 1];
  const half = new Float32Array(across * down);
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      const at = 2 * (y * width + x);
      half[y * across + x] =
        (data[at]! + data[at + 1]! + data[at + width]! + data[at + width + 1]!) / 4;
    }
  }
  return { width: across, height: down, data: half };
}

/** What a plane has beyond the mean of its 5 by 5 surroundings: light that changes is not in it. */
function detail({ width, height, data }: Plane): Plane {
  const out = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    const [top, bottom] = [Math.max(0, y - 2), Math.min(height - 1, y + 2)];
    for (let x = 0; x < width; x++) {
      const [left, right] = [Math.max(0, x - 2), Math.min(width - 1, x + 2)];
      let sum = 0;
      for (let v = top; v <= bottom; v++) {
        for (let u = left; u <= right; u++) sum += data[v * width + u]!;
      }
      const count = (bottom - top + 1) * (right - left + 1);
      out[y * width + x] = data[y * width + x]! - sum / count;
    }
  }
  return { width, height, data: out };
}

/** Mean difference to a plane that is shifted, up to twice that where it shows little of it. */
function errorOf(
  current: Plane,
  previous: Plane,
  [dx, dy]: readonly [number, number],
  cap: number,
): number {
  const { width, height } = current;
  const [left, right] = [Math.max(0, -dx), Math.min(width, width - dx)];
  const [top, bottom] = [Math.max(0, -dy), Math.min(height, height - dy)];
  let sum = 0;
  for (let y = top; y < bottom; y++) {
    const row = y * width;
    const from = (y + dy) * width + dx;
    for (let x = left; x < right; x++) {
      sum += Math.min(cap, Math.abs(current.data[row + x]! - previous.data[from + x]!));
    }
  }
  const shown = (right - left) * (bottom - top);
  return sum / shown * (2 - shown / (width * height));
}

/** The best shifts that do not lie beside a better one. */
function bestOf(shifts: Shift[]): Shift[] {
  const kept: Shift[] = [];
  for (const shift of shifts.sort((a, b) => a.error - b.error)) {
    const beside = ({ dx, dy }: Shift) =>
      Math.abs(dx - shift.dx) <= 1 && Math.abs(dy - shift.dy) <= 1;
    if (kept.length === KEPT || shift.error > FOLLOWED * (kept[0]?.error ?? Infinity)) break;
    if (!kept.some(beside)) kept.push(shift);
  }
  return kept;
}

/** The shifts around some places, no farther than half the picture. */
function tryAround(
  current: Plane,
  previous: Plane,
  places: readonly { dx: number; dy: number }[],
  reach: readonly [across: number, down: number],
): Shift[] {
  const [across, down] = [current.width >> 1, current.height >> 1];
  const cap = CAP * current.data.reduce((sum, part) => sum + Math.abs(part), 0) /
    current.data.length;
  const tried: Shift[] = [];
  for (const place of places) {
    for (let dy = place.dy - reach[1]; dy <= place.dy + reach[1]; dy++) {
      for (let dx = place.dx - reach[0]; dx <= place.dx + reach[0]; dx++) {
        if (Math.abs(dx) > across || Math.abs(dy) > down) continue;
        tried.push({ dx, dy, error: errorOf(current, previous, [dx, dy], cap) });
      }
    }
  }
  return bestOf(tried);
}

/**
 * The shifts, half the picture at most, that bring the previous plane best over the current one:
 * the best first, four at most.
 */
export function findShifts(current: Plane, previous: Plane): Shift[] {
  const { width, height } = current;
  if (width * height <= SMALLEST_PIXELS) {
    const reach = [width >> 1, height >> 1] as const;
    return tryAround(detail(current), detail(previous), [{ dx: 0, dy: 0 }], reach);
  }
  const coarse = findShifts(halved(current), halved(previous))
    .map(({ dx, dy }) => ({ dx: 2 * dx, dy: 2 * dy }));
  return tryAround(detail(current), detail(previous), coarse, [1, 1]);
}
