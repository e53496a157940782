/**
 * Two pictures compared tile by tile: whether a tile shows the same, and how much of the fine detail
 * is still in it.
 *
 * @module
 */
import type { Bands } from "./detail.ts";
import type { Grey } from "./grey.ts";

/** Side of a tile. */
export const TILE = 16;
/** Correlation of the coarse detail around a tile from which it shows the same. */
const SAME = 0.6;
/** Share of the reference's coarse detail that must be left for that. */
const LEAST_GAIN = 0.15;

/** What a tile of a picture has in common with the same tile of a reference. */
export interface TileMatch {
  /** Whether both show the same, be it out of focus or in other light. */
  readonly isSame: boolean;
  /** Share of the reference's fine detail that is in the picture, over that of the coarse. */
  readonly fine: number;
  /** Power of the picture's fine detail, noise among it. */
  readonly power: number;
}

/** Sums of products over pixels of two pictures. */
interface Products {
  readonly aa: number;
  readonly ab: number;
  readonly bb: number;
}

/** Indices of the upper left pixels of the tiles, and how many are beside each other. */
function tileStarts({ width, height }: Grey): { starts: number[]; columns: number } {
  const [columns, rows] = [Math.floor(width / TILE), Math.floor(height / TILE)];
  const starts = Array.from(
    { length: columns * rows },
    (_, i) => TILE * (Math.floor(i / columns) * width + i % columns),
  );
  return { starts, columns };
}

/** Products over a tile; pixels that are missing in the first picture are left out. */
function productsAt(a: Grey, b: Grey, start: number): Products {
  let [aa, ab, bb] = [0, 0, 0];
  for (let row = 0; row < TILE; row++) {
    const first = start + row * a.width;
    for (let i = first; i < first + TILE; i++) {
      const [x, y] = [a.data[i]!, b.data[i]!];
      if (Number.isNaN(x)) continue;
      aa += x * x;
      ab += x * y;
      bb += y * y;
    }
  }
  return { aa, ab, bb };
}

/** The products of each tile and its neighbours together. */
function around(products: readonly Products[], columns: number): Products[] {
  return products.map((_, i) => {
    const near = products.filter((_, j) => {
      const rows = Math.floor(i / columns) - Math.floor(j / columns);
      return Math.abs(rows) <= 1 && Math.abs(i % columns - j % columns) <= 1;
    });
    const sum = (name: keyof Products) => near.reduce((total, one) => total + one[name], 0);
    return { aa: sum("aa"), ab: sum("ab"), bb: sum("bb") };
  });
}

/** Standard deviation of each tile from nothing; NaN where a pixel is missing. */
export function deviationsOf(detail: Grey): number[] {
  return tileStarts(detail).starts.map((start) => {
    let squares = 0;
    for (let row = 0; row < TILE; row++) {
      const first = start + row * detail.width;
      for (let i = first; i < first + TILE; i++) squares += detail.data[i]! ** 2;
    }
    return Math.sqrt(squares) / TILE;
  });
}

/** What each tile of a picture has in common with a reference that lies under it. */
export function matchesOf(reference: Bands, picture: Bands): TileMatch[] {
  const { starts, columns } = tileStarts(picture.fine);
  const coarse = around(
    starts.map((start) => productsAt(reference.coarse, picture.coarse, start)),
    columns,
  );
  return starts.map((start, i) => {
    const { aa, ab, bb } = coarse[i]!;
    const fine = productsAt(reference.fine, picture.fine, start);
    const gain = ab / (aa + 1e-9);
    const isSame = ab >= SAME * Math.sqrt(aa * bb) && gain >= LEAST_GAIN;
    return { isSame, fine: isSame ? fine.ab / (fine.aa + 1e-9) / gain : 0, power: fine.bb };
  });
}
