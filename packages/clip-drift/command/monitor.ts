/**
 * One camera from its frames to all their destinations: the run folder, the page, the terminal, and
 * the deliveries of alerts. The way of the data can be read here from top to bottom.
 *
 * @module
 */
import { join } from "node:path";
import { type Clock, systemClock } from "@vcs/transport/portable";
import { defined, ignoreAbort, settledWithin } from "@vcs/transport/internal";
import type { Alert } from "../alerts.ts";
import type { Delivery } from "../alerts/deliver.ts";
import type { DeliveryOutcome, SentAlert } from "../alerts/sent_alert.ts";
import { StatusRules } from "../alerts/status_rules.ts";
import type { CameraEvent } from "../camera/camera.ts";
import { askHealth } from "../camera/error_hints.ts";
import { isGist } from "../measures/gist_names.ts";
import { type SimilarityStats, similarityStats } from "../measures/similarity_stats.ts";
import type { Encoder } from "../encoder.ts";
import { ClipDriftError } from "../errors.ts";
import type { CameraFeed } from "../page/hub.ts";
import type { RunWriter } from "../runs/series.ts";
import type { RunFrame, RunTotals } from "../runs/writer.ts";
import { openSource, type Source, type SourceOptions } from "../source.ts";
import { share } from "./report.ts";
import { watch, type WatchedFrame, type WatchOptions } from "../watch.ts";

/** Where a camera's frames go. */
export interface MonitorOptions extends Omit<WatchOptions, "onBadFrame" | "onLimited" | "signal"> {
  /** Name of the camera. Default: the source's. */
  readonly name?: string;
  /** How to read the source. */
  readonly source?: Omit<SourceOptions, "onEvent" | "onDrop" | "onTruncated">;
  /** Opens the run folder, once there is something to write. */
  readonly openRun?: (
    source: Source,
    counters: () => RunTotals["counters"],
  ) => Promise<RunWriter>;
  /** The page's side. */
  readonly feed?: CameraFeed;
  /** Called with each frame. */
  readonly onFrame?: (frame: WatchedFrame) => void;
  /** Called with lines for people. */
  readonly say?: (line: string) => void;
  /** Takes the alerts. */
  readonly delivery?: Pick<Delivery, "keep" | "settled" | "waiting">;
  /** Whether alerts carry their snapshot. Default: false, its path. */
  readonly inlineSnapshots?: boolean;
  /** By which the rules about the watch are looked at. Default: the system's. */
  readonly clock?: Clock;
}

/** Names of a run's counters. */
type Counter =
  | "reconnects"
  | "dropped_frames"
  | "limited_frames"
  | "truncated_frames"
  | "decode_errors"
  | "duplicates"
  | "alerts"
  | "gaps";

/** Milliseconds that alerts may take to be delivered once the watch has ended. */
const DELIVERY_TIMEOUT = 5000;
/** Broken frames in a row after which a camera no longer counts as live. */
const BLIND_AFTER = 10;

/** Whether a count is 1, 10, 100 …, at which it is reported. */
const isMilestone = (count: number) => /^10*$/.test(String(count));

const messageOf = (error: unknown) => error instanceof Error ? error.message : String(error);

/** A frame as the run folder takes it. */
function runFrame({ index, timestamp, row, embedding, label, frame }: WatchedFrame): RunFrame {
  const jpeg = () => frame.jpeg();
  return { index, timestamp, row, embedding, jpeg, ...defined({ label }) };
}

/** An alert for people. */
function alertLine({ rule, metric, value, threshold, heldBack }: Alert, index: number): string {
  const more = heldBack === 0 ? "" : `; ${heldBack} more within the cool-down`;
  const values = `${metric} ${value.toFixed(4)} above ${threshold.toFixed(4)}`;
  return `${rule}: ${values} at frame ${index}${more}`;
}

/** Watches one camera. */
export class Monitor {
  readonly #options: MonitorOptions;
  readonly #encoder: Encoder;
  readonly #source: Source;
  readonly #counters: Record<Counter, number> = {
    ...{ reconnects: 0, dropped_frames: 0, truncated_frames: 0, decode_errors: 0 },
    ...{ duplicates: 0, alerts: 0, gaps: 0, limited_frames: 0 },
  };
  readonly #say: (line: string) => void;
  readonly #status: StatusRules;
  #run: RunWriter | undefined;
  #frames = 0;
  #brokenInRow = 0;
  #hasContent = true;
  #isClosed = false;
  #isFrozen = false;
  #lastFrame: number | undefined;
  /** When the camera came back, until its first frame since; Infinity while it is away. */
  #backAt: number | undefined;
  #total: SimilarityStats = similarityStats([]);

  /** Makes a monitor of a source; see {@linkcode openSource} for what it may be. */
  constructor(spec: string, encoder: Encoder, options: MonitorOptions = {}) {
    this.#options = options;
    this.#encoder = encoder;
    this.#say = options.say ?? (() => {});
    this.#status = new StatusRules(options.rules ?? []);
    this.#source = openSource(spec, {
      ...options.source,
      onEvent: (event) => this.#connection(event),
      onDrop: () => this.#drop(),
      onTruncated: () => this.#skip("truncated_frames", "it is truncated"),
    });
  }

  /** Name of the camera. */
  get name(): string {
    return this.#options.name ?? this.#source.name;
  }

  /** Path of the run folder, if one is written. */
  get runPath(): string | undefined {
    return this.#run?.path;
  }

  /**
   * Watches until the end of the source or until the signal is aborted, and closes the run.
   *
   * @returns the run's totals
   */
  async run(signal?: AbortSignal): Promise<RunTotals> {
    const start = performance.now();
    const { feed, openRun } = this.#options;
    if (openRun !== undefined) this.#run = await this.#open(openRun);
    if (feed !== undefined && this.#run !== undefined) feed.view.run = this.#run.name;
    const ended = new AbortController();
    const looking = this.#lookEachSecond(ended.signal);
    try {
      await this.#watch(signal);
      feed?.note("ended", "The stream has ended", "ended");
    } catch (error) {
      await this.#failed(error);
      throw error;
    } finally {
      ended.abort();
      await looking;
      await this.#settleAlerts();
      const totals = this.#totals((performance.now() - start) / 1000);
      this.#isClosed = true;
      await this.#run?.finish(totals);
      await this.#run?.[Symbol.asyncDispose]();
    }
    return this.#totals((performance.now() - start) / 1000);
  }

  /**
   * Opens the run folder; if that fails, as on a full disk, the watch goes on without it, but not
   * where the process lacks the permission: then nothing ever would be saved.
   */
  async #open(
    openRun: NonNullable<MonitorOptions["openRun"]>,
  ): Promise<RunWriter | undefined> {
    try {
      return await openRun(this.#source, () => ({ ...this.#counters }));
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
      const text = `Nothing is saved: ${messageOf(error)}`;
      this.#say(`${this.name}: ${text}`);
      this.#options.feed?.note("unsaved", text);
      return undefined;
    }
  }

  async #watch(signal: AbortSignal | undefined): Promise<void> {
    const frames = watch(this.#source, this.#encoder, {
      ...this.#options,
      ...defined({ signal }),
      onBadFrame: (index, error) => this.#badFrame(index, error.message),
      onLimited: () => this.#counters.limited_frames++,
    });
    for await (const frame of frames) await this.#frame(frame);
    if (this.#lastFrame === undefined && !signal?.aborted) {
      throw new ClipDriftError(
        "bad-image",
        `Cannot watch ${this.name}: found no frame that can be decoded`,
      );
    }
  }

  /** Looks at the rules about the watch itself. */
  async #lookEachSecond(ended: AbortSignal): Promise<void> {
    const { clock = systemClock } = this.#options;
    while (this.#status.any && !ended.aborted) {
      await clock.sleep(1000, ended).catch(ignoreAbort(ended));
      if (ended.aborted) return;
      for (const alert of this.#status.second(Date.now() / 1000)) await this.#alert(alert);
    }
  }

  /** Lets the last alerts be delivered, but does not wait for ever. */
  async #settleAlerts(): Promise<void> {
    const { delivery } = this.#options;
    const waiting = delivery?.waiting(this.name) ?? 0;
    if (delivery === undefined || waiting === 0) return;
    const seconds = DELIVERY_TIMEOUT / 1000;
    this.#say(`${this.name}: waits up to ${seconds} s for deliveries of alerts: ${waiting}`);
    await settledWithin(DELIVERY_TIMEOUT, delivery.settled(this.name));
  }

  /** Records why the watch failed. */
  async #failed(error: unknown): Promise<void> {
    const message = messageOf(error);
    this.#options.feed?.note("failed", message, "failed");
    const code = error instanceof ClipDriftError ? { code: error.code } : {};
    await this.#run?.event({ type: "failed", time: Date.now() / 1000, ...code, message });
  }

  #totals(seconds: number): RunTotals {
    const counters = { ...this.#counters };
    return { frames: this.#frames, seconds, similarity: this.#total, counters };
  }

  async #frame(watched: WatchedFrame): Promise<void> {
    const { feed, onFrame } = this.#options;
    this.#frames = watched.index + 1;
    this.#status.watched();
    this.#brokenInRow = 0;
    this.#total = watched.total;
    await this.#closeGap(watched.timestamp);
    if (watched.duplicate) this.#counters.duplicates++;
    if (watched.frozen !== undefined) await this.#frozen(watched.frozen);
    if (watched.hasContent !== this.#hasContent) await this.#content(watched.hasContent);
    await this.#keep(watched);
    for (const alert of watched.alerts) await this.#alert(alert, watched);
    feed?.frame(watched, this.#backAt !== undefined ? "lost" : this.#isFrozen ? "frozen" : "live");
    if (feed !== undefined && !watched.duplicate) feed.show(await watched.frame.jpeg());
    onFrame?.(watched);
  }

  /** Writes the frame, and shows its snapshot if there is one. */
  async #keep(watched: WatchedFrame): Promise<void> {
    const { feed } = this.#options;
    const name = await this.#run?.write(runFrame(watched));
    if (feed !== undefined && this.#run !== undefined) feed.view.run = this.#run.name;
    if (name !== undefined) feed?.snapshot(name);
  }

  /** An alert that a frame raised, or that none came. */
  async #alert(alert: Alert, watched?: WatchedFrame): Promise<void> {
    const index = watched?.index ?? this.#frames - 1;
    this.#counters.alerts++;
    const { name: camera } = this;
    const line = alertLine(alert, index);
    const { feed, delivery, inlineSnapshots = false } = this.#options;
    const name = watched && await this.#run?.snapshot(runFrame(watched));
    const sent: SentAlert = {
      ...{ ...alert, camera, source: this.#source.name, frame: index },
      isoTime: new Date(alert.time * 1000).toISOString(),
      ...(name !== undefined && { snapshot: join(this.#run!.path, "snapshots", name) }),
      ...(watched && inlineSnapshots && { snapshotJpeg: (await watched.frame.jpeg()).toBase64() }),
    };
    // Who hears of it may end the process: by then it is written down for the next start.
    const deliver = await delivery?.keep(sent);
    this.#say(`ALERT ${camera}: ${line}`);
    await this.#run?.event({ type: "alert", ...alert, frame: index });
    deliver?.((outcome) => void this.#delivered(outcome));
    if (feed === undefined) return;
    feed.view.alertCount++;
    if (name !== undefined) feed.snapshot(name);
    feed.view.undelivered = delivery?.waiting(camera) ?? 0;
    feed.note("alert", line);
  }

  /** Keeps what became of an alert: in the events, on the page, in the metrics. */
  async #delivered({ alert, target, outcome, attempts, message }: DeliveryOutcome): Promise<void> {
    const { feed, delivery } = this.#options;
    if (feed !== undefined) {
      if (outcome === "delivered") feed.view.delivered++;
      else feed.view.deliveryFailures++;
      // This one is counted as waiting until its queue has gone on.
      const isDone = outcome !== "retrying";
      feed.view.undelivered = Math.max(0, (delivery?.waiting(this.name) ?? 0) - Number(isDone));
    }
    if (outcome !== "delivered") feed?.note("delivery", `${outcome}: ${target}: ${message ?? ""}`);
    const rest = { rule: alert.rule, alertTime: alert.time, target, outcome, attempts };
    const event = { type: "delivery", time: Date.now() / 1000, ...rest, ...defined({ message }) };
    if (!this.#isClosed) await this.#run?.event(event);
  }

  /** Counts a frame that gave way to a later one, and says what to do. */
  #drop(): void {
    const network = "use a GPU (--device cuda), --precision int8, or --model gist; or ";
    const hint = isGist(this.#encoder.info.model) ? "" : network;
    this.#status.dropped();
    const count = ++this.#counters.dropped_frames;
    const { feed } = this.#options;
    if (feed !== undefined) feed.view.dropped = count;
    if (!isMilestone(count)) return;
    const text = `Frame dropped for a later one, ${count} so far (${share(count, this.#frames)})`;
    this.#say(`${this.name}: ${text}; to watch more, ${hint}let the camera send smaller images`);
    feed?.note("dropped", text);
  }

  #badFrame(index: number, message: string): void {
    this.#frames = index + 1;
    this.#skip("decode_errors", `frame ${index}: ${message}`);
    if (++this.#brokenInRow !== BLIND_AFTER) return;
    const text = `${BLIND_AFTER} frames in a row could not be decoded`;
    this.#options.feed?.note("lost", text, "lost");
  }

  /** Counts a frame that is skipped, and reports the 1st, 10th, 100th … */
  #skip(counter: "truncated_frames" | "decode_errors", why: string): void {
    const count = ++this.#counters[counter];
    const { feed } = this.#options;
    if (feed !== undefined) feed.view.broken++;
    if (!isMilestone(count)) return;
    const text = `Frame skipped, ${count} so far: ${why}`;
    this.#say(`${this.name}: ${text}`);
    feed?.note("skipped", text);
  }

  /**
   * Counts that the camera is back, and keeps how long it was away; frames from before its return
   * may still come first.
   */
  async #closeGap(timestamp: number): Promise<void> {
    const from = this.#lastFrame;
    this.#lastFrame = timestamp;
    if (this.#backAt === undefined || this.#backAt === Infinity) return;
    // A clock that was set back makes later frames look like those from before.
    const wasSetBack = from !== undefined && timestamp < from;
    if (timestamp < this.#backAt && !wasSetBack) return;
    this.#backAt = undefined;
    if (from === undefined) return;
    this.#counters.reconnects++;
    this.#counters.gaps++;
    const { feed } = this.#options;
    if (feed !== undefined) feed.view.reconnects = this.#counters.reconnects;
    const seconds = timestamp - from;
    feed?.note("gap", `No frames for ${seconds.toFixed(1)} s`);
    await this.#run?.event({ type: "gap", from, to: timestamp, seconds });
  }

  async #content(hasContent: boolean): Promise<void> {
    this.#hasContent = hasContent;
    const text = hasContent
      ? "There is content again"
      : "No content: the picture is all of one colour, and is not measured";
    const type = hasContent ? "content" : "no-content";
    const { feed } = this.#options;
    if (feed !== undefined) feed.view.hasContent = hasContent;
    this.#say(`${this.name}: ${text}`);
    feed?.note(type, text);
    await this.#run?.event({ type, time: Date.now() / 1000 });
  }

  async #frozen(isFrozen: boolean): Promise<void> {
    this.#isFrozen = isFrozen;
    const text = isFrozen
      ? "The stream is frozen: the same bytes again and again"
      : "It moves again";
    this.#say(`${this.name}: ${text}`);
    this.#options.feed?.note(isFrozen ? "frozen" : "moving", text);
    await this.#run?.event({ type: isFrozen ? "frozen" : "moving", time: Date.now() / 1000 });
  }

  /** A connection was made or lost; only its frames say that the camera is live. */
  #connection(event: CameraEvent): void {
    const time = Date.now() / 1000;
    const { feed } = this.#options;
    if (event.type === "connected") {
      this.#backAt = time;
      feed?.note("connected", `Connected to ${event.url}`);
      this.#say(`Connected to ${event.url}`);
      void this.#run?.event({ type: "connected", time });
      return;
    }
    const { error: { code, message }, attempt, retryIn } = event;
    this.#backAt = Infinity;
    if (feed !== undefined) feed.view.lost++;
    void this.#run?.event({ type: "lost", time, code, message });
    // Without another attempt, the watch ends with this error, and reports it then.
    if (retryIn === undefined) return;
    feed?.note("lost", message, "lost");
    this.#say(`${message}\n  attempt ${attempt + 1} in ${retryIn.toFixed(1)} s`);
    if (code === "timeout" && /^http/.test(event.url)) void this.#reportHealth(event.url);
  }

  async #reportHealth(url: string): Promise<void> {
    this.#say(`  the camera: ${await askHealth(url)}`);
  }
}
