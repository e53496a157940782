/**
 * Measures of the picture itself, which no embedding is needed for: whether it is dark, covered or
 * blurred, and whether the camera was moved. All but the first compare with a reference that is
 * learned while the camera stands still; a camera that never does has none.
 *
 * @module
 */
import { align, moveBy, refine, STILL, type Transform, warp } from "./alignment.ts";
import { type Bands, bandsOf } from "./detail.ts";
import type { Grey } from "./grey.ts";
import { deviationsOf, matchesOf, type TileMatch } from "./tiles.ts";

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
/** Deviation of the logarithm of the luminance from which a tile has texture. */
const TEXTURE = 0.04;
/** Share of its deviation below which a tile has lost its texture. */
const LOST = 0.35;
const LEAST_TILES = 4;
/** Share of its fine detail that a tile must have shown to say something of the focus. */
const FINE = 0.4;
/** Share of those tiles that must show the same for `blurred`. */
const SAME_SHARE = 1 / 3;
/** Share of the power of fine detail, and noise, above which it has not been lost. */
const MOVED_POWER = 0.75;
/** Seconds between two looks, and seconds and looks that the reference takes. */
const LOOK_EVERY = 0.5;
const LEARN_SECONDS = 2;
const LEARN_LOOKS = 4;
/** Pixels of the small picture within which a camera stands still. */
const STANDS = 0.5;
/** Seconds after which the reference has become half of what is seen since. */
const HALF_LIFE = 300;

/** Detail that is missing where pixels do not count, so that nothing is looked for there. */
function without({ data, ...size }: Grey, counted: Uint8Array | undefined): Grey {
  return { ...size, data: counted ? data.map((x, i) => counted[i] ? x : NaN) : data };
}

function darkness({ data: all }: Grey, counted?: Uint8Array): number {
  const data = counted ? all.filter((_, i) => counted[i]) : all;
  const level = data.toSorted()[Math.floor(0.95 * (data.length - 1))]!;
  return Math.max(0, 1 - level / BRIGHT);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

const clamped = (share: number) => Math.max(0, Math.min(1, share));

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

/** The bands as a camera sees them that was moved. */
function seenFrom({ detail, fine, coarse }: Bands, place: Transform): Bands {
  return { detail, fine: warp(fine, place), coarse: warp(coarse, place) };
}

/** The picture of a camera that stands still. */
class Background {
  readonly bands: Bands;
  /** Deviation of each tile. */
  #deviations: readonly number[];
  /** How much of its fine detail a tile has shown, against the coarse; what is noise, it has not. */
  #fine: readonly number[];
  /** Power of its fine detail, and of the noise. */
  #powers: readonly number[];

  constructor({ detail, fine, coarse }: Bands) {
    const copy = (grey: Grey) => ({ ...grey, data: grey.data.slice() });
    this.bands = { detail: copy(detail), fine: copy(fine), coarse: copy(coarse) };
    this.#deviations = deviationsOf(detail);
    this.#fine = [];
    this.#powers = [];
  }

  /** Takes a share of another picture in. */
  take(bands: Bands, share: number): void {
    const mixed = (a: number, b: number) => a + share * (b - a);
    const matches = matchesOf(this.bands, bands);
    this.#fine = matches.map(({ fine }, i) => mixed(this.#fine[i] ?? fine, fine));
    this.#powers = matches.map(({ power }, i) => mixed(this.#powers[i] ?? power, power));
    const deviations = deviationsOf(bands.detail);
    this.#deviations = this.#deviations.map((value, i) => mixed(value, deviations[i]!));
    for (const name of ["detail", "fine", "coarse"] as const) {
      const [own, data] = [this.bands[name].data, bands[name].data];
      for (let i = 0; i < own.length; i++) own[i] = mixed(own[i]!, data[i]!);
    }
  }

  /** Share of the textured tiles that have lost their texture, and do not show it out of focus. */
  covered({ detail }: Bands, matches: readonly TileMatch[]): number | undefined {
    const deviations = deviationsOf(detail);
    const textured = [...matches.keys()].filter((i) => this.#deviations[i]! >= TEXTURE);
    if (textured.length < LEAST_TILES) return undefined;
    const lost = textured.filter((i) =>
      deviations[i]! < LOST * this.#deviations[i]! && !matches[i]!.isSame
    );
    return lost.length / textured.length;
  }

  /** Loss of fine detail in the tiles that show the same. */
  blurred(matches: readonly TileMatch[]): number | undefined {
    const known = [...matches.keys()].filter((i) => this.#fine[i]! >= FINE);
    const same = known.filter((i) => matches[i]!.isSame);
    if (same.length < Math.max(LEAST_TILES, known.length * SAME_SHARE)) return undefined;
    // Detail that is there, but elsewhere, is of a camera that was moved.
    const isElsewhere = median(same.map((i) => matches[i]!.power / this.#powers[i]!)) > MOVED_POWER;
    return isElsewhere
      ? 0
      : clamped(1 - median(same.map((i) => matches[i]!.fine / this.#fine[i]!)));
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
    const bands = bandsOf(grey, counted);
    const size = this.#background?.bands.detail ?? this.#learning?.background.bands.detail ?? grey;
    if (size.width !== grey.width || size.height !== grey.height) {
      this.#background = this.#learning = undefined;
    }
    if (this.#background === undefined) this.#learn(bands, counted, time);
    const compared = this.#background === undefined
      ? NOTHING
      : this.#compare(this.#background, bands, width / grey.width, since);
    return this.#row = { dark: darkness(grey, counted), ...compared };
  }

  /** Takes pictures together for as long as they lie on one another. */
  #learn(bands: Bands, counted: Uint8Array | undefined, time: number): void {
    const { background, since, looks } = this.#learning ?? {};
    const place = background && refine(background.bands.detail, bands.detail);
    const stands = place !== undefined && displacement(bands.detail, place) < STANDS;
    if (!stands || time < since!) {
      const first = { ...bands, detail: without(bands.detail, counted) };
      this.#learning = { background: new Background(first), since: time, looks: 1 };
      return;
    }
    this.#learning!.looks++;
    background!.take(bands, 1 / (looks! + 1));
    if (time - since! < LEARN_SECONDS || looks! < LEARN_LOOKS) return;
    this.#background = background;
    this.#learning = undefined;
  }

  #compare(
    background: Background,
    bands: Bands,
    scale: number,
    since: number,
  ): Omit<PictureRow, "dark"> {
    const place = align(background.bands.detail, bands.detail, this.#place);
    this.#place = place ?? STILL;
    const moved = place && displacement(bands.detail, place);
    const stands = moved === undefined || moved < STANDS;
    const matches = matchesOf(
      stands ? background.bands : seenFrom(background.bands, place!),
      bands,
    );
    const [covered, blurred] = [background.covered(bands, matches), background.blurred(matches)];
    if (moved !== undefined && stands) {
      background.take(bands, 1 - 2 ** (-Math.max(0, since) / HALF_LIFE));
    }
    return {
      ...{ covered, blurred, moved: moved && moved * scale },
      turned: place && Math.abs(place.angle) * 180 / Math.PI,
    };
  }
}
