/**
 * A bound for answers that have no end of their own.
 *
 * @module
 */
import { onAbort } from "../flow/abort.ts";
import { SiteError } from "./error.ts";

/** Answers at a time. */
const MOST = 32;

/** Counts answers from their request until their client goes, whether anything of them is read. */
export class Streams {
  #count = 0;

  /** Answers now. */
  get count(): number {
    return this.#count;
  }

  /**
   * Counts the answer to a request.
   *
   * @throws {SiteError} where there are too many
   */
  enter({ signal }: Request): void {
    if (this.#count >= MOST) {
      throw new SiteError("too-many-clients", `Cannot serve more than ${MOST} streams`);
    }
    this.#count++;
    onAbort(signal, () => void this.#count--);
  }
}
