/**
 * Delivers alerts to all targets, without making the watch wait for them: a queue a target, and an
 * outbox from which the next start goes on.
 *
 * @module
 */
import { Outbox } from "./outbox.ts";
import { AlertQueue, MAX_WAITING, type QueueOptions, type Report } from "./queue.ts";
import type { DeliveryOutcome, SentAlert } from "./sent_alert.ts";
import type { AlertScope, AlertTarget } from "./targets.ts";

/** Where alerts go. */
export interface DeliveryOptions extends QueueOptions {
  /** The targets. */
  readonly targets: readonly AlertTarget[];
  /** Folder of all runs, in which undelivered alerts are kept. Default: they are in memory alone. */
  readonly runs?: string;
  /** Called with a line for people if a delivery fails. Default: none. */
  readonly say?: (message: string) => void;
}

/** A line about what went wrong, or undefined where nothing did. */
export function outcomeLine({ target, outcome, attempts, message }: DeliveryOutcome) {
  const reason = message === undefined ? "" : `: ${message}`;
  if (outcome === "retrying") return `Cannot ${target}${reason}; it is tried again`;
  if (outcome === "failed") return `Cannot ${target}${reason}; given up`;
  if (outcome === "kept") return `Not done: ${target}${reason}; kept for the next start`;
  if (outcome === "lost") return `Not done: ${target}${reason}; nothing is saved, so it is lost`;
  return attempts > 1 ? `Done at attempt ${attempts}: ${target}` : undefined;
}

/** All targets. */
export class Delivery implements AsyncDisposable {
  readonly #queues: readonly AlertQueue[];
  readonly #targets: readonly AlertTarget[];
  readonly #say: (message: string) => void;
  readonly #outbox: Outbox | undefined;
  readonly #pending = new Map<Promise<void>, string>();

  private constructor(options: DeliveryOptions, outbox: Outbox | undefined) {
    this.#targets = options.targets;
    this.#queues = options.targets.map((target) => new AlertQueue(target, options));
    this.#say = options.say ?? (() => {});
    this.#outbox = outbox;
  }

  /** Opens the queues, and goes on with what processes that have ended left for these targets. */
  static async open(options: DeliveryOptions): Promise<Delivery> {
    const { targets, runs, say = () => {} } = options;
    for (const target of targets) {
      void target.start?.().catch((error: Error) => say(`Cannot ${target.name}: ${error.message}`));
    }
    if (targets.length === 0 || runs === undefined) return new Delivery(options, undefined);
    const outbox = await Outbox.open(runs).catch((error: Error) => {
      if (error instanceof Deno.errors.NotCapable) throw error;
      say(`Alerts that are not delivered are not kept: ${error.message}`);
      return undefined;
    });
    const delivery = new Delivery(options, outbox);
    if (outbox !== undefined) await delivery.#goOn(outbox);
    return delivery;
  }

  async #goOn(outbox: Outbox): Promise<void> {
    const onFailure = (folder: string, error: Error) =>
      this.#say(`Alerts of an earlier start stay in ${folder}: ${error.message}`);
    const kept = await outbox.takeOver(this.#queues.map(({ name }) => name), onFailure);
    if (kept.length === 0) return;
    this.#say(`${kept.length} alert${kept.length === 1 ? "" : "s"} of an earlier start to deliver`);
    for (const { target, alert, file } of kept) {
      const queue = this.#queues.find(({ name }) => name === target)!;
      this.#push(queue, alert, file, () => {});
    }
  }

  /**
   * Takes an alert; resolves when it is written down, not when it is delivered.
   *
   * @param report called with each outcome
   */
  async send(alert: SentAlert, report?: Report): Promise<void> {
    (await this.keep(alert))(report);
  }

  /**
   * Writes an alert down, so that it survives the process: before anybody hears of it.
   *
   * @returns begins its deliveries
   */
  async keep(alert: SentAlert): Promise<(report?: Report) => void> {
    const begins: ((report: Report) => void)[] = [];
    for (const queue of this.#queues) {
      if (queue.hasRoom) {
        const file = await this.#write(queue.name, alert);
        begins.push((report) => this.#push(queue, alert, file, report));
        continue;
      }
      const message = `${MAX_WAITING} alerts are waiting already`;
      const outcome = {
        alert,
        target: queue.name,
        outcome: "failed",
        attempts: 0,
        message,
      } as const;
      begins.push((report) => this.#told(outcome, report));
    }
    return (report = () => {}) => begins.forEach((begin) => begin(report));
  }

  #push(queue: AlertQueue, alert: SentAlert, file: string | undefined, report: Report): void {
    const told = (outcome: DeliveryOutcome) => this.#told(outcome, report);
    const done = queue.push({ alert, file, report: told })
      .catch((error) => this.#say(`It may come again: ${queue.name}: ${error.message}`))
      .finally(() => this.#pending.delete(done));
    this.#pending.set(done, alert.camera);
  }

  /** The alert's file; where none can be written it is delivered from memory. */
  async #write(target: string, alert: SentAlert): Promise<string | undefined> {
    try {
      return await this.#outbox?.keep({ target, alert });
    } catch (error) {
      this.#say(`An alert is not kept on disk: ${error instanceof Error ? error.message : error}`);
      return undefined;
    }
  }

  /** Tells the camera, and people what they must know: the first failure of a row, and the end. */
  #told(outcome: DeliveryOutcome, report: Report): void {
    const line = outcomeLine(outcome);
    const isRepeated = outcome.outcome === "retrying" && outcome.attempts > 1;
    if (line !== undefined && !isRepeated) this.#say(line);
    report(outcome);
  }

  /** Tells the targets which alerts there may be from now on. */
  expect(scope: AlertScope): void {
    for (const target of this.#targets) target.expect?.(scope);
  }

  /** Number of deliveries that are not done, of a camera or of all. */
  waiting(camera?: string): number {
    return this.#of(camera).length;
  }

  #of(camera: string | undefined): Promise<void>[] {
    return [...this.#pending].filter(([, name]) => camera === undefined || name === camera)
      .map(([done]) => done);
  }

  /** Waits until all that wait now, of a camera or of all, are delivered or given up. */
  async settled(camera?: string): Promise<void> {
    await Promise.all(this.#of(camera));
  }

  /** Ends all attempts; what is on disk stays for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.close()));
    await Promise.all(this.#targets.map((target) => target[Symbol.asyncDispose]?.()));
    await this.#outbox?.[Symbol.asyncDispose]();
  }
}
