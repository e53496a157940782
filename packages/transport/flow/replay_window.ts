/**
 * Which sequence numbers of a stream came: the sliding bitmap by which IPsec recognises repeated packets
 * (RFC 6479). Its size does not depend on the stream's length.
 *
 * @module
 */

/** Sequence numbers below the highest one that are remembered. */
export const REPLAY_WINDOW = 1024;

const WORD = 32;
/** One more, as the lowest word is cleared at once. */
const WORDS = REPLAY_WINDOW / WORD + 1;

/** Knows which of the last 1,024 sequence numbers of one stream came. */
export class ReplayWindow {
  readonly #bits = new Uint32Array(WORDS);
  #next = 0;

  /** The number after the highest one that came; 0 before any. */
  get next(): number {
    return this.#next;
  }

  /** Whether a number came; false for those that are too old to be known. */
  has(sequence: number): boolean {
    if (sequence >= this.#next || sequence < this.#next - REPLAY_WINDOW) return false;
    return (this.#bits[wordOf(sequence) % WORDS]! & bitOf(sequence)) !== 0;
  }

  /** Takes note of a number. */
  add(sequence: number): void {
    if (sequence < this.#next - REPLAY_WINDOW) return;
    if (sequence >= this.#next) this.#slideTo(sequence);
    this.#bits[wordOf(sequence) % WORDS]! |= bitOf(sequence);
  }

  /** Clears the words that are used again. */
  #slideTo(sequence: number): void {
    const from = Math.max(wordOf(this.#next - 1) + 1, wordOf(sequence) - WORDS + 1);
    for (let word = from; word <= wordOf(sequence); word++) this.#bits[word % WORDS] = 0;
    this.#next = sequence + 1;
  }
}

function wordOf(sequence: number): number {
  return Math.floor(sequence / WORD);
}

function bitOf(sequence: number): number {
  return 1 << sequence % WORD;
}
