/**
 * SigLIP's tokens: of all ways to cut a word into pieces of a vocabulary the most likely one (Kudo
 * 2018, SentencePiece's unigram model), as `tokenizer.json` holds it.
 *
 * @module
 */

/** A vocabulary with the logarithm of each piece's probability. */
interface Vocabulary {
  readonly pieces: readonly (readonly [string, number])[];
  readonly unknown: number;
  readonly end: number;
}

/** What stands for a space before each word. */
const SPACE = "▁";
const END = "</s>";
/** ASCII's signs, which SigLIP's training removed from texts. */
const SIGNS = /[!-/:-@[-`{-~]/g;
/** How much less likely than the rarest piece an unknown character is. */
const UNKNOWN = 10;
/** Bytes and pieces that a vocabulary may have; SigLIP's has 2.4 MB and 32,000. */
const [MAX_BYTES, MAX_PIECES] = [3 << 20, 1 << 18];

const wrong = (found: string, allowed: string) =>
  new SyntaxError(`Cannot read SigLIP's vocabulary: found ${found}, expected ${allowed}`);

function isPiece(piece: unknown): piece is [string, number] {
  return Array.isArray(piece) && typeof piece[0] === "string" && Number.isFinite(piece[1]);
}

function parseVocabulary(bytes: Uint8Array): Vocabulary {
  if (bytes.length > MAX_BYTES) throw wrong(`${bytes.length} bytes`, `at most ${MAX_BYTES}`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw wrong("no JSON", "tokenizer.json");
  }
  const { type, vocab, unk_id: unknown } = Object(Object(json).model);
  if (type !== "Unigram" || !Array.isArray(vocab)) throw wrong("no unigram model", "one");
  if (vocab.length > MAX_PIECES || !vocab.every(isPiece)) {
    throw wrong("other pieces", `at most ${MAX_PIECES} texts, each with a number`);
  }
  const end = vocab.findIndex(([piece]) => piece === END);
  if (end < 0 || !Number.isInteger(unknown) || vocab[unknown] === undefined) {
    throw wrong("no pieces for the end and for what is unknown", `${END} and unk_id`);
  }
  return { pieces: vocab, unknown, end };
}

/** The best way to cut a word that ends at some character. */
interface Cut {
  readonly score: number;
  readonly from: number;
  readonly id: number;
}

/** Turns text into SigLIP's tokens. */
export class UnigramTokenizer {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #scores: readonly number[];
  readonly #longest: number;
  readonly #least: number;
  readonly #unknown: number;
  readonly #end: number;

  /**
   * Reads the vocabulary.
   *
   * @param bytes `tokenizer.json`, of which only the model is read
   * @throws {SyntaxError} if it is none, or not of a unigram model
   */
  constructor(bytes: Uint8Array) {
    const { pieces, unknown, end } = parseVocabulary(bytes);
    this.#ids = new Map(pieces.map(([piece], id) => [piece, id]));
    this.#scores = pieces.map(([, score]) => score);
    this.#longest = pieces.reduce((most, [piece]) => Math.max(most, piece.length), 0);
    this.#least = pieces.reduce((least, [, score]) => Math.min(least, score), 0) - UNKNOWN;
    this.#unknown = unknown;
    this.#end = end;
  }

  /** Number of different tokens. */
  get vocabulary(): number {
    return this.#scores.length;
  }

  /**
   * Tokens of a text with the end token, which also fills up what is left; a text that is too long is
   * truncated before it. Letters become small, ASCII's signs are left out.
   *
   * @param text what to say
   * @param length tokens. Default: 64.
   */
  encode(text: string, length = 64): number[] {
    const clean = text.toLowerCase().replace(SIGNS, "").normalize("NFKC").trim();
    const words = clean === "" ? [] : clean.replaceAll(SPACE, " ").split(/\s+/);
    const tokens = words.flatMap((word) => this.#word(SPACE + word)).slice(0, length - 1);
    return [...tokens, ...Array<number>(length - tokens.length).fill(this.#end)];
  }

  /** The pieces of a word; unknown characters beside each other are one. */
  #word(word: string): number[] {
    const cuts = this.#cuts(word);
    const ids: number[] = [];
    for (let at = word.length; at > 0;) {
      const { id, from } = cuts[at]!;
      if (id !== this.#unknown || ids[0] !== id) ids.unshift(id);
      at = from;
    }
    return ids;
  }

  /** For each place of a word the best way to get there; undefined within a character. */
  #cuts(word: string): (Cut | undefined)[] {
    const cuts: (Cut | undefined)[] = [{ score: 0, from: 0, id: this.#unknown }];
    const offer = (to: number, cut: Cut) => {
      if (cut.score > (cuts[to]?.score ?? -Infinity)) cuts[to] = cut;
    };
    for (let from = 0; from < word.length; from++) {
      const before = cuts[from];
      if (before === undefined) continue;
      const character = String.fromCodePoint(word.codePointAt(from)!).length;
      const last = Math.min(word.length, from + this.#longest);
      for (let to = from + 1; to <= last; to++) {
        const id = this.#ids.get(word.slice(from, to));
        if (id !== undefined) offer(to, { score: before.score + this.#scores[id]!, from, id });
      }
      if (!this.#ids.has(word.slice(from, from + character))) {
        offer(from + character, { score: before.score + this.#least, from, id: this.#unknown });
      }
    }
    return cuts;
  }
}
