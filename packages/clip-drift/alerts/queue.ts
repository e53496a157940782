/**
 * The queue of one target: its alerts in their order, each tried until it is delivered or given up.
 *
 * @module
 */
import { type Clock, systemClock } from "@vcs/transport/portable";
import { attempts, Backoff, settledWithin } from "@vcs/transport/internal";
import type { DeliveryOutcome, SentAlert } from "./sent_alert.ts";
import { type AlertTarget, RefusedAlert } from "./targets.ts";

/** Called with each outcome. */
export type Report = (outcome: DeliveryOutcome) => void;

/** An alert in a queue. */
export interface QueuedAlert {
  /** The alert. */
  readonly alert: SentAlert;
  /** Its file in the outbox. Default: it is in memory alone. */
  readonly file?: string | undefined;
  /** Called with what becomes of it. */
  readonly report: Report;
}

/** Most alerts that wait for a target; more are refused, so that a dead one does not fill the memory. */
export const MAX_WAITING = 256;
/** The pauses between attempts. */
const PAUSES = { initial: 1000, max: 60_000 };

/** Settings of a queue. */
export interface QueueOptions {
  /** Seconds after which an attempt is given up. Default: 10. */
  readonly timeout?: number;
  /** By which pauses are measured. Default: the system's. */
  readonly clock?: Clock;
}

/** One target's alerts. */
export class AlertQueue {
  readonly #target: AlertTarget;
  readonly #options: Required<QueueOptions>;
  readonly #end = new AbortController();
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  /** Starts with nothing. */
  constructor(target: AlertTarget, { timeout = 10, clock = systemClock }: QueueOptions = {}) {
    this.#target = target;
    this.#options = { timeout, clock };
  }

  /** Name of the target. */
  get name(): string {
    return this.#target.name;
  }

  /** Whether one more is taken. */
  get hasRoom(): boolean {
    return this.#waiting < MAX_WAITING;
  }

  /** Takes an alert; it is delivered after those before it. Resolves when nothing more is tried. */
  push(queued: QueuedAlert): Promise<void> {
    this.#waiting++;
    const done = this.#last.then(() => this.#settle(queued)).finally(() => this.#waiting--);
    this.#last = done.catch(() => {});
    return done;
  }

  /** Tries until it is delivered, refused or given up, or the queue ends. */
  async #settle({ alert, file, report }: QueuedAlert): Promise<void> {
    const { name: target, attempts: most } = this.#target;
    const told = (outcome: DeliveryOutcome["outcome"], count: number, error?: unknown) =>
      report({ alert, target, outcome, attempts: count, ...messageOf(error) });
    const { signal } = this.#end;
    let tried = 0;
    let error: unknown;
    for await (
      tried of attempts({ backoff: new Backoff(PAUSES), signal, clock: this.#options.clock })
    ) {
      error = await this.#attempt(alert, signal);
      if (signal.aborted && error !== undefined) break;
      const isLast = error instanceof RefusedAlert || tried >= most;
      told(error === undefined ? "delivered" : isLast ? "failed" : "retrying", tried, error);
      if (error === undefined || isLast) return await removed(file);
    }
    told(file === undefined ? "lost" : "kept", tried, error);
  }

  /** The error of an attempt, or undefined. */
  async #attempt(alert: SentAlert, ending: AbortSignal): Promise<unknown> {
    const late = AbortSignal.timeout(this.#options.timeout * 1000);
    try {
      await this.#target.deliver(alert, AbortSignal.any([ending, late]));
      return undefined;
    } catch (error) {
      return error ?? new Error("unknown");
    }
  }

  /** Ends what is under way; alerts with a file stay for the next start. */
  async close(): Promise<void> {
    this.#end.abort();
    await settledWithin(1000, this.#last);
  }
}

function messageOf(error: unknown): { message?: string } {
  if (error === undefined) return {};
  return { message: error instanceof Error ? error.message : String(error) };
}

/** Removes the file of an alert that must not come again. */
async function removed(file: string | undefined): Promise<void> {
  if (file !== undefined) await Deno.remove(file);
}
