/**
 * Time that tests turn by hand for code that uses the platform's timers: while it is in force,
 * `setTimeout`, `setInterval` and `performance.now` follow a {@linkcode ManualClock}.
 *
 * Code that takes a clock is given one in place of this.
 *
 * @module
 */
import { ManualClock } from "@vcs/transport";

type Timer = ReturnType<typeof setTimeout>;
type Callback = (...args: unknown[]) => void;

/** Takes the place of the platform's time until it is disposed of. */
export class FakeTime implements Disposable {
  readonly #clock = new ManualClock();
  readonly #real = { setTimeout, clearTimeout, setInterval, clearInterval };
  readonly #now = performance.now;
  readonly #timers = new Map<unknown, AbortController>();
  #started = 0;

  constructor() {
    const { setTimeout, clearTimeout } = this.#real;
    const stop = (timer: unknown) => {
      this.#timers.get(timer)?.abort();
      if (!this.#timers.delete(timer)) clearTimeout(timer as Timer);
    };
    Object.assign(globalThis, {
      // What is due at once is left to the platform: it lets others have their turn.
      setTimeout: (callback: Callback, after = 0, ...args: unknown[]) =>
        after > 0
          ? this.#start(() => callback(...args), after, false)
          : setTimeout(callback, 0, ...args),
      setInterval: (callback: Callback, every: number, ...args: unknown[]) =>
        this.#start(() => callback(...args), every, true),
      clearTimeout: stop,
      clearInterval: stop,
    });
    performance.now = () => this.#clock.now();
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets so many milliseconds pass, with everything that is due in them. */
  async advance(milliseconds: number): Promise<void> {
    await this.#clock.advance(milliseconds);
  }

  #start(callback: () => void, after: number, again: boolean): unknown {
    // A number that no real timer has, as it may be handed to the platform.
    const timer = -1 - this.#started++;
    const abort = new AbortController();
    this.#timers.set(timer, abort);
    void this.#run(timer, callback, after, again, abort.signal).catch(() => {});
    return timer;
  }

  async #run(
    timer: number,
    callback: () => void,
    after: number,
    again: boolean,
    signal: AbortSignal,
  ) {
    do {
      await this.#clock.sleep(after, signal);
      if (!again) this.#timers.delete(timer);
      callback();
    } while (again);
  }

  /** Gives the platform's time back. */
  [Symbol.dispose](): void {
    for (const abort of this.#timers.values()) abort.abort();
    Object.assign(globalThis, this.#real);
    performance.now = this.#now;
  }
}
