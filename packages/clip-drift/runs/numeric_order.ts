/**
 * The order of names in which the numbers in them count as numbers.
 *
 * @module
 */

/** Compares names: `frame_9.jpg` comes before `frame_10.jpg`. */
export const byNumber: (a: string, b: string) => number =
  new Intl.Collator("en", { numeric: true }).compare;
