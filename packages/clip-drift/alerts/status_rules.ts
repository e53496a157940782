/**
 * Rules about the watch itself: that no frame comes, and that many are left out. They are looked at
 * each second, for where no frame comes nothing else would look.
 *
 * @module
 */
import { type Alert, type AlertRule, AlertRules, STATUS_METRICS } from "../alerts.ts";

/** Seconds over which left out frames are counted. */
const SPAN = 60;

/** Frames of a second. */
interface Second {
  watched: number;
  dropped: number;
}

const isStatus = ({ metric }: AlertRule) => (STATUS_METRICS as readonly string[]).includes(metric);

/** The rules of one camera, and what they count. */
export class StatusRules {
  readonly #rules: AlertRules;
  /** Whether there is any. */
  readonly any: boolean;
  #seconds: Second[] = [{ watched: 0, dropped: 0 }];
  #silent = 0;

  /** Takes those of the rules that are about the watch. */
  constructor(rules: readonly AlertRule[]) {
    const own = rules.filter(isStatus);
    this.any = own.length > 0;
    this.#rules = new AlertRules(own);
  }

  /** Counts a frame that was watched. */
  watched(): void {
    this.#seconds.at(-1)!.watched++;
  }

  /** Counts a frame that gave way to a later one. */
  dropped(): void {
    this.#seconds.at(-1)!.dropped++;
  }

  /**
   * To be called each second.
   *
   * @param time in seconds since 1970
   */
  second(time: number): Alert[] {
    this.#silent = this.#seconds.at(-1)!.watched > 0 ? 0 : this.#silent + 1;
    const dropped = this.#seconds.reduce((sum, second) => sum + second.dropped, 0);
    const all = this.#seconds.reduce((sum, second) => sum + second.watched, dropped);
    this.#seconds = [...this.#seconds.slice(1 - SPAN), { watched: 0, dropped: 0 }];
    const percent = all === 0 ? undefined : 100 * dropped / all;
    return this.#rules.push({ lost: this.#silent, left_out: percent }, time);
  }
}
