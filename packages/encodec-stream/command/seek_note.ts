/**
 * A word about a long wait: an exact seek at 24 kHz runs over everything before the start.
 *
 * @module
 */
import { say } from "@vcs/transport/internal";
import type { BlockRange, CodeBlock } from "../container/reader.ts";
import type { CodeSource } from "../decoder.ts";

/** Seconds of waiting that are worth a word. */
const LONG = 3;

/** Codes that pass, and at the second block of a long way to the start say how long it will take. */
export class SeekNote implements CodeSource {
  readonly header: CodeSource["header"];
  readonly units: number;
  readonly #source: CodeSource;
  readonly #from: number;
  readonly #now: () => number;
  readonly #note: (line: string) => void;

  /** @param from second that is sought */
  constructor(source: CodeSource, from: number, now = () => performance.now(), note = say) {
    this.header = source.header;
    this.units = source.units;
    this.#source = source;
    this.#from = from;
    this.#now = now;
    this.#note = note;
  }

  /** The codes. */
  async *blocks(range?: BlockRange): AsyncGenerator<CodeBlock> {
    const { rate, spec } = this.header;
    let before: { readonly second: number; readonly at: number } | undefined;
    let isSaid = spec.segmentation !== undefined;
    for await (const block of this.#source.blocks(range)) {
      const second = block.start / rate;
      if (!isSaid && before && second > before.second) {
        const pace = (this.#now() - before.at) / 1000 / (second - before.second);
        const left = (this.#from - second) * pace;
        if (left > LONG) {
          this.#note(
            `note: an exact seek runs over all that lies before it, about ${Math.round(left)} s; ` +
              "--preroll 1 starts at once, close to exact",
          );
        }
        isSaid = true;
      }
      before ??= { second, at: this.#now() };
      yield block;
    }
  }
}
