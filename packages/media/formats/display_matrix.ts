/**
 * How a stored image is brought upright, from the display matrix of the container.
 *
 * @module
 */

/** A turn, clockwise, that brings the stored image upright. */
export type Rotation = 0 | 90 | 180 | 270;

/** The eight ways in which an image can lie. */
export interface Orientation {
  /** Clockwise turn for display. */
  readonly rotation: Rotation;
  /** Whether the stored image is flipped upside down before that turn. */
  readonly mirrored: boolean;
}

/**
 * Orientation of a display matrix: nine numbers, row by row, that take the point (x, y, 1) to
 * where it is shown (ISO/IEC 14496-12, section 6.2.2; libavutil/display.h). Turns in between are
 * taken to the nearest quarter.
 */
export function orientationOf(matrix: readonly number[] | undefined): Orientation {
  if (matrix === undefined || matrix.length < 9) return { rotation: 0, mirrored: false };
  const [a, b, , c, d] = matrix as [number, number, number, number, number];
  const quarters = Math.round(Math.atan2(b, a) * 2 / Math.PI);
  const rotation = ((quarters + 4) % 4 * 90) as Rotation;
  return { rotation, mirrored: a * d - b * c < 0 };
}
