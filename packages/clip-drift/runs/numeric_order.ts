/**
 * The order of names in which the numbers in them count as numbers.
 *
 * @module
 */

let order: Intl.Collator | undefined;

/** Compares names: `frame_9.jpg` comes before `frame_10.jpg`. */
export function byNumber(a: string, b: string): number {
  return (order ??= new Intl.Collator("en", { numeric: true })).compare(a, b);
}
