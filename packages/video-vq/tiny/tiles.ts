/**
 * Large frames in tiles. vq-tiny has no norms and no attention: what it makes of a place depends on
 * what lies within a margin around it and on nothing else. So tiles that overlap by that margin, of
 * which the margins are cut off, give what the whole frame gives, and a stream need not say how it was
 * computed: memory is bounded on either end by itself.
 *
 * All places are positions of the latent. Tiles of a frame have one size, so that one session does.
 *
 * @module
 */

/** Most positions of a frame that are computed at once: those of 512×512 pixels. */
export const TILE_POSITIONS = 4096;

/** A stretch of an axis. */
export interface Stretch {
  /** Where the tile begins. */
  readonly at: number;
  /** Where what is kept of it begins. */
  readonly from: number;
  /** Where what is kept of it ends. */
  readonly to: number;
}

/** How a frame is cut. */
export interface Tiles {
  /** Rows of a tile. */
  readonly height: number;
  /** Columns of a tile. */
  readonly width: number;
  /** Along the rows, from the top. */
  readonly down: readonly Stretch[];
  /** Along the columns, from the left. */
  readonly across: readonly Stretch[];
}

/**
 * Cuts a frame into the tiles that cost least, none larger than `most` positions; one tile if the
 * frame is no larger.
 *
 * @param margin positions around a place on which it depends
 * @throws {RangeError} if not even a position and its margins are as small as `most`.
 */
export function tilesOf(
  height: number,
  width: number,
  margin: number,
  most: number = TILE_POSITIONS,
): Tiles {
  const best = { rows: 0, columns: 0, cost: Infinity };
  for (let rows = 1; rows <= height; rows++) {
    const tall = sideOf(height, rows, margin);
    if (tall > height) continue;
    // The fewest columns that fit cost least beside these rows.
    const wide = Math.floor(most / tall);
    const columns = countOf(width, wide, margin);
    if (columns === undefined) continue;
    const cost = rows * tall * columns * sideOf(width, columns, margin);
    if (cost <= best.cost) Object.assign(best, { rows, columns, cost });
  }
  if (best.cost === Infinity) {
    throw new RangeError(
      `Cannot cut a frame into tiles: found ${most} positions at most, expected ${
        (2 * margin + 1) ** 2
      } or more`,
    );
  }
  return {
    height: sideOf(height, best.rows, margin),
    width: sideOf(width, best.columns, margin),
    down: stretches(height, best.rows, margin),
    across: stretches(width, best.columns, margin),
  };
}

/** Length of each of some tiles that together cover an axis. */
function sideOf(length: number, count: number, margin: number): number {
  return count === 1 ? length : Math.ceil((length - 2 * margin) / count) + 2 * margin;
}

/** The fewest tiles of at most a length that cover an axis; undefined if none do. */
function countOf(length: number, most: number, margin: number): number | undefined {
  if (length <= most) return 1;
  const step = most - 2 * margin;
  return step < 1 ? undefined : Math.ceil((length - 2 * margin) / step);
}

/** Tiles one behind the other; the last one ends with the axis, and may overlap more. */
function stretches(length: number, count: number, margin: number): Stretch[] {
  const side = sideOf(length, count, margin);
  const at = (i: number) => i === 0 ? 0 : Math.min(i * (side - 2 * margin), length - side);
  return Array.from({ length: count }, (_, i) => ({
    at: at(i),
    from: i === 0 ? 0 : at(i) + margin,
    to: i === count - 1 ? length : at(i + 1) + margin,
  }));
}

/** A place in an array of planes, [planes, rows, columns]. */
export interface Place {
  /** Columns of the array. */
  readonly width: number;
  /** Rows of the array. */
  readonly height: number;
  /** Column of the place. */
  readonly left: number;
  /** Row of the place. */
  readonly top: number;
}

/**
 * Copies a box of every plane from one array into another.
 *
 * @param size columns and rows of the box
 * @param planes how many planes both arrays have
 * @param step numbers of an element. Default: 1.
 */
export function copyBox<T extends Uint8Array | Float32Array>(
  source: T,
  from: Place,
  target: T,
  to: Place,
  size: { readonly width: number; readonly height: number },
  planes: number,
  step: number = 1,
): void {
  const place = (at: Place, plane: number, row: number) =>
    ((plane * at.height + at.top + row) * at.width + at.left) * step;
  for (let plane = 0; plane < planes; plane++) {
    for (let row = 0; row < size.height; row++) {
      const start = place(from, plane, row);
      target.set(source.subarray(start, start + size.width * step), place(to, plane, row));
    }
  }
}
