/**
 * Acknowledging a stream by one number, although its items are accepted in any order.
 *
 * @module
 */

/** The number through which all have been accepted. */
export class CumulativeAck {
  readonly #early = new Set<number>();
  #through: number;

  /** Starts after a number. */
  constructor(through = 0) {
    this.#through = through;
  }

  /** All numbers up to and with this one have been accepted. */
  get through(): number {
    return this.#through;
  }

  /** Accepts a number. */
  accept(number: number): void {
    this.#early.add(number);
    while (this.#early.delete(this.#through + 1)) this.#through++;
  }
}
