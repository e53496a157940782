/**
 * Measures of the picture itself, which no embedding is needed for: whether it is dark, covered or
 * blurred, and whether the camera was moved. All but the first compare with a reference that is
 * learned while the camera stands still; a camera that never does has none.
 *
 * @module
 */
import { align, moveBy, refine, STILL, type Transform } from "./alignment.ts";
import type { Grey } from "./grey.ts";

/** What a picture shows; undefined while there is no reference, or too little to compare. */
export interface PictureRow {
  /** 1 for black, 0 once the brightest twentieth of the picture reaches a quarter of white. */
  readonly dark: number;
  /** Share of the reference's textured tiles that have lost their texture. */
  readonly covered: number | undefined;
  /** Share of the fine detail, against the coarse, that is lost. */
  readonly blurred: number | undefined;
  /** How far the picture has moved, in pixels of the camera, on average over the picture. */
  readonly moved: number | undefined;
  /** By how much it has turned, in degrees. */
  readonly turned: number | undefined;
}

/** Names of these measures. */
export const PICTURE_METRICS = ["dark", "covered", "blurred", "moved", "turned"] as const;

/** Level that the brightest twentieth of a picture must reach not to be dark at all. */
const BRIGHT = 64;
const TILE = 16;
/** Deviation of the logarithm of the luminance from which a tile has texture. */
const TEXTURE = 0.06;
/** Share of its deviation below which a tile has lost its texture. */
const LOST = 0.35;
const LEAST_TILES = 4;
/** Keeps the noise of dark areas from being texture. */
const FLOOR = 16;
const BLUR_RADIUS = 6;
/** Seconds between two looks, and seconds and looks that the reference takes. */
const LOOK_EVERY = 0.5;
const LEARN_SECONDS = 2;
const LEARN_LOOKS = 4;
/** Pixels of the small picture within which a camera stands still. */
const STANDS = 0.5;
/** Seconds after which the reference has become half of what is seen since. */
const HALF_LIFE = 300;

/** Sums of rows and columns around each pixel, divided by how many there are. */
function boxBlur(values: Float32Array, width: number, height: number): Float32Array {
  const blurLines = (from: Float32Array, count: number, length: number, along: number) => {
    const out = new Float32Array(from.length);
    const across = along === 1 ? length : 1;
    for (let l = 0; l < count; l++) {
      for (let i = 0; i < length; i++) {
        const [first, last] = [Math.max(0, i - BLUR_RADIUS), Math.min(length - 1, i + BLUR_RADIUS)];
        let sum = 0;
        for (let j = first; j <= last; j++) sum += from[l * across + j * along]!;
        out[l * across + i * along] = sum / (last - first + 1);
      }
    }
    return out;
  };
  return blurLines(blurLines(values, height, width, 1), width, height, width);
}

/**
 * The logarithm of the luminance less its local mean: light that changes takes nothing away.
 *
 * @param counted 1 for pixels that count. Default: all.
 */
export function localDetail({ width, height, data }: Grey, counted?: Uint8Array): Grey {
  const logs = data.map((x) => Math.log(x + FLOOR));
  if (counted === undefined) {
    const means = boxBlur(logs, width, height);
    return { width, height, data: logs.map((x, i) => x - means[i]!) };
  }
  // The mean is that of the pixels that count; the others hold nothing.
  const sums = boxBlur(logs.map((x, i) => x * counted[i]!), width, height);
  const shares = boxBlur(Float32Array.from(counted), width, height);
  return { width, height, data: logs.map((x, i) => counted[i]! && x - sums[i]! / shares[i]!) };
}

/** Detail that is missing where pixels do not count, so that nothing is looked for there. */
function without({ data, ...size }: Grey, counted: Uint8Array | undefined): Grey {
  return { ...size, data: counted ? data.map((x, i) => counted[i] ? x : NaN) : data };
}

/** What a tile holds: the deviation of its detail, and how much of it is fine. */
interface Tile {
  readonly deviation: number;
  readonly sharpness: number;
}

function tileAt({ width, data }: Grey, left: number, top: number): Tile {
  let [coarse, fine] = [0, 0];
  for (let y = top + 1; y < top + TILE - 1; y++) {
    for (let i = y * width + left + 1; i < y * width + left + TILE - 1; i++) {
      const around = data[i - 1]! + data[i + 1]! + data[i - width]! + data[i + width]!;
      coarse += data[i]! ** 2;
      fine += (4 * data[i]! - around) ** 2;
    }
  }
  return { deviation: Math.sqrt(coarse) / (TILE - 2), sharpness: fine / (coarse + 1e-9) };
}

function tilesOf(detail: Grey): Tile[] {
  const tiles: Tile[] = [];
  for (let top = 0; top + TILE <= detail.height; top += TILE) {
    for (let left = 0; left + TILE <= detail.width; left += TILE) {
      tiles.push(tileAt(detail, left, top));
    }
  }
  return tiles;
}

function darkness({ data: all }: Grey, counted?: Uint8Array): number {
  const data = counted ? all.filter((_, i) => counted[i]) : all;
  const level = data.toSorted()[Math.floor(0.95 * (data.length - 1))]!;
  return Math.max(0, 1 - level / BRIGHT);
}

/** Mean shift of a picture's points in pixels. */
function displacement({ width, height }: Grey, transform: Transform): number {
  let sum = 0;
  for (let i = 0; i < 64; i++) {
    const [x, y] = [(i % 8 / 7 - 0.5) * width, (Math.floor(i / 8) / 7 - 0.5) * height];
    const [toX, toY] = moveBy(transform, x, y);
    sum += Math.hypot(toX - x, toY - y) / 64;
  }
  return sum;
}

/** The picture of a camera that stands still. */
class Background {
  readonly detail: Grey;
  tiles: readonly Tile[];

  constructor(detail: Grey) {
    this.detail = { ...detail, data: detail.data.slice() };
    this.tiles = tilesOf(detail);
  }

  /** Takes a share of another picture in. */
  take({ data }: Grey, tiles: readonly Tile[], share: number): void {
    const mixed = (a: number, b: number) => a + share * (b - a);
    const own = this.detail.data;
    for (let i = 0; i < own.length; i++) own[i] = mixed(own[i]!, data[i]!);
    this.tiles = this.tiles.map((tile, i) => ({
      deviation: mixed(tile.deviation, tiles[i]!.deviation),
      sharpness: mixed(tile.sharpness, tiles[i]!.sharpness),
    }));
  }

  /** Share of the textured tiles that have lost their texture. */
  covered(tiles: readonly Tile[]): number | undefined {
    const pairs = this.#textured(tiles);
    if (pairs.length < LEAST_TILES) return undefined;
    return pairs.filter(([a, b]) => b.deviation < LOST * a.deviation).length / pairs.length;
  }

  /** Loss of fine detail in the tiles that still have texture. */
  blurred(tiles: readonly Tile[]): number | undefined {
    const kept = this.#textured(tiles).filter(([a, b]) => b.deviation >= LOST * a.deviation);
    if (kept.length < LEAST_TILES) return undefined;
    const ratios = kept.map(([a, b]) => b.sharpness / a.sharpness).sort((a, b) => a - b);
    return Math.max(0, 1 - ratios[ratios.length >> 1]!);
  }

  #textured(tiles: readonly Tile[]): (readonly [Tile, Tile])[] {
    return this.tiles
      .map((tile, i) => [tile, tiles[i]!] as const)
      .filter(([tile]) => tile.deviation >= TEXTURE);
  }
}

const NOTHING = {
  ...{ covered: undefined, blurred: undefined, moved: undefined, turned: undefined },
};

/** The measures of one camera's pictures. */
export class PictureMeasures {
  #learning: { readonly background: Background; readonly since: number; looks: number } | undefined;
  #background: Background | undefined;
  #lookedAt = -Infinity;
  #place = STILL;
  #row: PictureRow | undefined;

  /**
   * Takes a picture; between two looks, which are half a second apart, the row is the last.
   *
   * @param grey a small copy of the picture
   * @param width of the camera's picture in pixels
   * @param time seconds; when they go back, the next look is at once
   * @param counted 1 for pixels of the copy that count, the same in all. Default: all.
   */
  push(grey: Grey, width: number, time: number, counted?: Uint8Array): PictureRow {
    const since = time - this.#lookedAt;
    if (this.#row !== undefined && since >= 0 && since < LOOK_EVERY) return this.#row;
    this.#lookedAt = time;
    const detail = localDetail(grey, counted);
    const tiles = tilesOf(without(detail, counted));
    const size = this.#background?.detail ?? this.#learning?.background.detail ?? grey;
    if (size.width !== grey.width || size.height !== grey.height) {
      this.#background = this.#learning = undefined;
    }
    if (this.#background === undefined) this.#learn(detail, without(detail, counted), tiles, time);
    const compared = this.#background === undefined
      ? NOTHING
      : this.#compare(this.#background, detail, tiles, width / grey.width, since);
    return this.#row = { dark: darkness(grey, counted), ...compared };
  }

  /** Takes pictures together for as long as they lie on one another. */
  #learn(detail: Grey, counted: Grey, tiles: readonly Tile[], time: number): void {
    const { background, since, looks } = this.#learning ?? {};
    const place = background && refine(background.detail, detail);
    const stands = place !== undefined && displacement(detail, place) < STANDS;
    if (!stands || time < since!) {
      this.#learning = { background: new Background(counted), since: time, looks: 1 };
      return;
    }
    this.#learning!.looks++;
    background!.take(detail, tiles, 1 / (looks! + 1));
    if (time - since! < LEARN_SECONDS || looks! < LEARN_LOOKS) return;
    this.#background = background;
    this.#learning = undefined;
  }

  #compare(
    background: Background,
    detail: Grey,
    tiles: readonly Tile[],
    scale: number,
    since: number,
  ): Omit<PictureRow, "dark"> {
    const place = align(background.detail, detail, this.#place);
    this.#place = place ?? STILL;
    const moved = place && displacement(detail, place);
    const [covered, blurred] = [background.covered(tiles), background.blurred(tiles)];
    if (moved !== undefined && moved < STANDS) {
      background.take(detail, tiles, 1 - 2 ** (-Math.max(0, since) / HALF_LIFE));
    }
    return {
      ...{ covered, blurred, moved: moved && moved * scale },
      turned: place && Math.abs(place.angle) * 180 / Math.PI,
    };
  }
}
