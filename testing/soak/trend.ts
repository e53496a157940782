/**
 * Whether a quantity grows: the slope of the floor that it comes back to, and how sure that is.
 *
 * @module
 */

/** A value at a moment, in minutes. */
export type Point = readonly [minutes: number, value: number];

/** A slope each minute, and between which two it lies with 95 %. */
export interface Trend {
  readonly slope: number;
  readonly least: number;
  readonly most: number;
}

/** What a trend says. */
export type Verdict = "steady" | "grows" | "too short to say";

/** Stretches of time of which the lowest value counts. */
const STRETCHES = 20;

/** Standard deviations within which 95 % of a normal distribution lie. */
const NORMAL_95 = 1.96;

/** The lowest point of each stretch: what is left when garbage was collected. */
export function floorOf(points: readonly Point[]): Point[] {
  const length = points.length / STRETCHES;
  const lowest = (at: number) =>
    points.slice(Math.floor(at * length), Math.floor((at + 1) * length))
      .reduce<Point | undefined>(
        (low, point) => low && low[1] <= point[1] ? low : point,
        undefined,
      );
  return Array.from({ length: STRETCHES }, (_, at) => lowest(at))
    .filter((point) => point !== undefined);
}

/**
 * The slope of Theil and Sen: the median of the slopes between all pairs of points, which single points
 * do not move, with the interval of 95 % that Sen took from Kendall's distribution.
 */
export function trendOf(points: readonly Point[]): Trend | undefined {
  const count = points.length;
  const slopes = points.flatMap(([at, value], i) =>
    points.slice(i + 1).map(([later, other]) => (other - value) / (later - at))
  ).sort((a, b) => a - b);
  const deviation = Math.sqrt(count * (count - 1) * (2 * count + 5) / 18);
  const half = Math.ceil(NORMAL_95 * deviation / 2);
  const middle = slopes.length >> 1;
  const [least, slope, most] = [middle - half, middle, middle + half].map((at) => slopes[at]);
  return least === undefined || slope === undefined || most === undefined
    ? undefined
    : { slope, least, most };
}

/** Minutes in which a process still takes memory for its code and its heap: growth says nothing. */
export const SETTLING = 15;

/**
 * Judges a trend.
 *
 * @param allowed growth each minute that counts as none
 * @param minutes how long was measured; what is shorter than a process settles is not called growth
 */
export function judge(trend: Trend | undefined, allowed: number, minutes: number): Verdict {
  if (trend === undefined) return "too short to say";
  if (trend.most <= allowed) return "steady";
  return trend.least > allowed && minutes >= SETTLING ? "grows" : "too short to say";
}
