/**
 * CLIP's tokens: byte pairs joined by a table of merges (Sennrich et al. 2016, over bytes as in
 * GPT-2), lower case, the end of a word marked.
 *
 * @module
 */
import { builtin } from "@vcs/transport/internal";

/** Splits text into contractions, words, digits and runs of other signs. */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/giu;
const END_OF_WORD = "</w>";

/** A printable character for each byte, in the order of the vocabulary. */
function byteAlphabet(): Map<number, string> {
  const isPlain = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b !== 173);
  const plain = Array.from({ length: 256 }, (_, b) => b).filter(isPlain);
  const other = Array.from({ length: 256 }, (_, b) => b).filter((b) => !isPlain(b));
  return new Map([
    ...plain.map((b) => [b, String.fromCodePoint(b)] as const),
    ...other.map((b, i) => [b, String.fromCodePoint(256 + i)] as const),
  ]);
}

/** Merges that belong to the vocabulary of 49,408 tokens. */
const MERGES = 49152 - 256 - 2;
/** Bytes that a table may have, packed and unpacked. */
const MAX_MERGES = 1 << 24;

function unpacked(bytes: Uint8Array): Uint8Array {
  if (bytes.length > MAX_MERGES) {
    throw new SyntaxError(
      `Cannot read CLIP's merges: found ${bytes.length} bytes, expected at most ${MAX_MERGES}`,
    );
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return builtin("node:zlib").gunzipSync(bytes, { maxOutputLength: MAX_MERGES });
  } catch (error) {
    throw new SyntaxError("Cannot read CLIP's merges: found damaged gzip data", { cause: error });
  }
}

/** Lines of a merges file: `merges.txt`, or `bpe_simple_vocab_16e6.txt.gz`. */
function parseMerges(bytes: Uint8Array): string[] {
  const lines = new TextDecoder().decode(unpacked(bytes)).split(/\r?\n/, MERGES + 1);
  return lines.slice(1).filter((line) => line !== "");
}

/** Turns text into CLIP's tokens. */
export class ClipTokenizer {
  readonly #bytes = byteAlphabet();
  readonly #ids = new Map<string, number>();
  readonly #ranks = new Map<string, number>();

  /**
   * Reads the merges that come with CLIP: Hugging Face's `merges.txt`, or OpenAI's and open_clip's
   * `bpe_simple_vocab_16e6.txt.gz`.
   *
   * @throws {SyntaxError} if a line is not two words, or the file is damaged
   */
  constructor(merges: Uint8Array) {
    const add = (token: string) => this.#ids.set(token, this.#ids.size);
    const letters = [...this.#bytes.values()];
    for (const letter of letters) add(letter);
    for (const letter of letters) add(letter + END_OF_WORD);
    for (const line of parseMerges(merges)) {
      const [first, second, ...rest] = line.split(" ");
      if (!first || !second || rest.length > 0) {
        throw new SyntaxError(
          `Cannot read CLIP's merges: found ${
            JSON.stringify(line.slice(0, 40))
          }, expected two words`,
        );
      }
      this.#ranks.set(`${first} ${second}`, this.#ranks.size);
      add(first + second);
    }
    add("<|startoftext|>");
    add("<|endoftext|>");
  }

  /** Number of different tokens: 49,408 with CLIP's own merges. */
  get vocabulary(): number {
    return this.#ids.size;
  }

  /**
   * Tokens of a text, with start and end; one that is too long is truncated before the end token.
   *
   * @param text what to say
   * @param length the most tokens. Default: 77.
   */
  encode(text: string, length = 77): number[] {
    const clean = text.normalize("NFC").replace(/\s+/g, " ").trim().toLowerCase();
    const words = [...clean.matchAll(WORDS)].flatMap(([word]) => this.#word(word));
    const start = this.#ids.get("<|startoftext|>")!;
    return [start, ...words.slice(0, length - 2), start + 1];
  }

  /** Joins the letters of a word, always the pair that comes first in the table. */
  #word(word: string): number[] {
    const letters = [...new TextEncoder().encode(word)].map((byte) => this.#bytes.get(byte)!);
    letters[letters.length - 1] += END_OF_WORD;
    for (let at = this.#best(letters); at >= 0; at = this.#best(letters)) {
      const [first, second] = [letters[at]!, letters[at + 1]!];
      for (let i = at; i < letters.length - 1; i++) {
        if (letters[i] === first && letters[i + 1] === second) letters.splice(i, 2, first + second);
      }
    }
    return letters.map((token) => this.#ids.get(token)!);
  }

  /** Where the pair of the lowest rank begins, or -1. */
  #best(letters: readonly string[]): number {
    let best = -1;
    let lowest = Infinity;
    for (let i = 0; i < letters.length - 1; i++) {
      const rank = this.#ranks.get(`${letters[i]} ${letters[i + 1]}`) ?? Infinity;
      if (rank < lowest) [best, lowest] = [i, rank];
    }
    return best;
  }
}
