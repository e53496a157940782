/**
 * The word that was probably meant.
 *
 * @module
 */

/**
 * Edits between two words: inserted, deleted, replaced and swapped characters (optimal string
 * alignment).
 */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + Number(a[i - 1] !== b[j - 1]);
      const swaps = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = swaps ? before[j - 2]! + 1 : Infinity;
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, replaced, swapped));
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}

/** Longest word that is compared: a longer one is not a typing error. */
const LONGEST = 64;

/**
 * The nearest of some words, or undefined where none is near: a third of the characters may
 * differ, and a beginning of three characters or more counts as one edit.
 */
export function nearest(word: string, words: Iterable<string>): string | undefined {
  if (word.length === 0 || word.length > LONGEST) return undefined;
  let [best, least] = [undefined as string | undefined, Math.max(1, Math.floor(word.length / 3))];
  for (const candidate of words) {
    const begins = word.length >= 3 && candidate.startsWith(word);
    const distance = begins ? 1 : editDistance(word, candidate);
    if (distance > least || (distance === least && best !== undefined)) continue;
    [best, least] = [candidate, distance];
  }
  return best;
}

/** A question to put behind "Unknown …", or nothing: `: did you mean --device?`. */
export function didYouMean(word: string, words: Iterable<string>, prefix = ""): string {
  const meant = nearest(word, words);
  return meant === undefined ? "" : `: did you mean ${prefix}${meant}?`;
}
