/**
 * What all viewers of the page share: the state of each camera, the history that late joiners
 * get, and the latest frame.
 *
 * @module
 */
import { type Metric, METRICS } from "../drift.ts";
import type { Regions } from "../measures/regions.ts";
import type { WatchedFrame } from "../watch.ts";

/** Whether a camera delivers frames. */
export type CameraStatus = "connecting" | "live" | "frozen" | "lost" | "ended" | "failed";

/** One point of the plot: seconds since 1970, drift, reference drift, rolling drift. */
export type PlotPoint = readonly [number, number, number | null, number | null];

/** Something to report: an alert, a lost connection. */
export interface CameraNote {
  /**
   * What kind: `alert`, `lost`, `connected`, `frozen`, `moving`, `no-content`, `content`, `gap`,
   * `skipped`, `dropped`, `unsaved`, `delivery`, `ended`, `failed`.
   */
  readonly type: string;
  /** When, in seconds since 1970. */
  readonly time: number;
  /** What to show to people. */
  readonly text: string;
}

/** What a viewer sees of a camera. */
export interface CameraView {
  /** Number of the camera, from 0. */
  readonly id: number;
  /** Short name. */
  readonly name: string;
  /** Whether it delivers frames. */
  status: CameraStatus;
  /** Number of the latest frame. */
  index: number;
  /** Frames watched per second, over the last 30. */
  fps: number;
  /** Cosine with the frame before. */
  similarity: number;
  /** 1 - similarity. */
  drift: number;
  /** Seconds since the start. */
  elapsed: number;
  /** Whether the latest frame has content; one of a single colour has none. */
  hasContent: boolean;
  /** When the latest frame came, in seconds since 1970. */
  lastFrame?: number;
  /** Latest values of the measures that have one. */
  measures: Readonly<Partial<Record<Metric, number>>>;
  /** Frames that were cut off, or did not decode. */
  broken: number;
  /** How often the connection was lost. */
  lost: number;
  /** Frames dropped because later ones came. */
  dropped: number;
  /** How often the camera came back. */
  reconnects: number;
  /** Alerts raised. */
  alertCount: number;
  /** Alerts that a target took. */
  delivered: number;
  /** Attempts at a delivery that failed. */
  deliveryFailures: number;
  /** Alerts that wait for a target. */
  undelivered: number;
  /** The label that fits best. */
  label?: string;
  /** Name of the run that is being written. */
  run?: string;
  /** Names of the run's latest snapshots. */
  snapshots: string[];
}

/** What came with a frame's view, or happened. */
export interface Mirrored {
  /** The frame's point of the plot. */
  readonly point?: PlotPoint;
  /** What happened. */
  readonly note?: CameraNote;
}

/** What was measured of a frame. */
export type Measured = Pick<WatchedFrame, "row" | "embedding">;

/** What goes to viewers. */
export type HubMessage =
  | { readonly type: "frame"; readonly view: CameraView; readonly point: PlotPoint }
  | { readonly type: "note"; readonly camera: number; readonly note: CameraNote }
  | { readonly type: "view"; readonly view: CameraView };

/** A page that is served, or a channel: what goes to its viewers is made once for all of them. */
export interface Audience {
  /** Number of those who watch. */
  readonly viewers: number;
  /** Called with each change, and with what was measured if it is a frame that was watched here. */
  message(message: HubMessage, measured?: Measured): void;
  /** Called when there are other cameras. */
  changed(): void;
  /** Called with each new frame. */
  jpeg(camera: number, jpeg: Uint8Array): void;
}

const KEPT_NOTES = 50;
const KEPT_SNAPSHOTS = 12;
const FPS_SPAN = 30;
/** Cameras that the byte before a frame numbers. */
const IDS = 256;

/** One camera's side of the hub. */
export class CameraFeed {
  /** What viewers see. */
  readonly view: CameraView;
  /** The last points of the plot. */
  readonly points: PlotPoint[] = [];
  /** The last notes. */
  readonly notes: CameraNote[] = [];
  /** The latest frame as a JPEG. */
  jpeg: Uint8Array | undefined;
  /** What counts of its picture; all, if undefined. */
  readonly regions: Regions | undefined;
  readonly #hub: Hub;
  readonly #times: number[] = [];
  readonly #start = performance.now();

  /** Made by {@linkcode Hub.add}. */
  constructor(hub: Hub, id: number, name: string, regions?: Regions) {
    this.#hub = hub;
    this.regions = regions;
    this.view = {
      ...{ id, name, status: "connecting", index: -1, fps: 0, similarity: 1, drift: 0 },
      ...{
        elapsed: 0,
        hasContent: true,
        dropped: 0,
        broken: 0,
        lost: 0,
        measures: {},
        reconnects: 0,
        alertCount: 0,
        delivered: 0,
        deliveryFailures: 0,
        undelivered: 0,
        snapshots: [],
      },
    };
  }

  /** Frames per second, over the last 30. */
  #measure(): number {
    const now = performance.now();
    this.#times.push(now);
    if (this.#times.length > FPS_SPAN + 1) this.#times.shift();
    const intervals = this.#times.length - 1;
    return intervals === 0 ? 0 : 1000 * intervals / Math.max(now - this.#times[0]!, 1);
  }

  /** Shows the numbers of a frame; `status` is not `live` if the camera has gone since. */
  frame(
    { index, row, timestamp, label, embedding }: WatchedFrame,
    status: CameraStatus = "live",
  ): void {
    const { view } = this;
    Object.assign(view, { status, index, fps: this.#measure() });
    Object.assign(view, { similarity: row.similarity, drift: row.drift, lastFrame: timestamp });
    view.measures = Object.fromEntries(
      METRICS.flatMap((m) => row[m] === undefined ? [] : [[m, row[m]]]),
    );
    view.elapsed = (performance.now() - this.#start) / 1000;
    if (label !== undefined) view.label = `${label.text} ${Math.round(label.score * 100)} %`;
    const point: PlotPoint = [timestamp, row.drift, row.reference ?? null, row.rolling ?? null];
    this.#point(point, { row, embedding });
  }

  #point(point: PlotPoint, measured?: Measured): void {
    this.points.push(point);
    if (this.points.length > this.#hub.history) this.points.shift();
    this.#hub.send({ type: "frame", view: this.view, point }, measured);
  }

  /** Shows the image of a frame. */
  show(jpeg: Uint8Array): void {
    this.jpeg = jpeg;
    this.#hub.sendJpeg(this.view.id, jpeg);
  }

  /** Reports something. */
  note(type: string, text: string, status?: CameraStatus): void {
    if (status !== undefined) this.view.status = status;
    this.#note({ type, time: Date.now() / 1000, text });
  }

  /** Shows what another process says of its camera. */
  mirror(view: Partial<CameraView>, { point, note }: Mirrored = {}): void {
    Object.assign(this.view, view);
    if (note !== undefined) this.#note(note);
    else if (point !== undefined) this.#point(point);
    else this.#hub.send({ type: "view", view: this.view });
  }

  #note(note: CameraNote): void {
    this.notes.push(note);
    if (this.notes.length > KEPT_NOTES) this.notes.shift();
    this.#hub.send({ type: "note", camera: this.view.id, note });
    this.#hub.send({ type: "view", view: this.view });
  }

  /** Shows that a snapshot was written. */
  snapshot(name: string): void {
    if (this.view.snapshots.at(-1) === name) return;
    this.view.snapshots.push(name);
    if (this.view.snapshots.length > KEPT_SNAPSHOTS) this.view.snapshots.shift();
    this.#hub.send({ type: "view", view: this.view });
  }
}

/** All cameras, and everybody who watches them. */
export class Hub {
  /** The cameras. */
  readonly feeds: CameraFeed[] = [];
  /** Points that the plot keeps. */
  readonly history: number;
  readonly #audiences: Audience[] = [];
  #next = 0;

  /** Makes a hub whose plots keep this many points. */
  constructor(history: number) {
    this.history = history;
  }

  /** Adds a camera, of whose picture these regions count. */
  add(name: string, regions?: Regions): CameraFeed {
    while (this.#feedOf(this.#next) !== undefined) this.#next = (this.#next + 1) % IDS;
    const feed = new CameraFeed(this, this.#next, name, regions);
    // What is under way of one that was removed is not taken for this one's.
    this.#next = (this.#next + 1) % IDS;
    this.feeds.push(feed);
    this.#changed();
    return feed;
  }

  /** Removes a camera. */
  remove(feed: CameraFeed): void {
    const at = this.feeds.indexOf(feed);
    if (at >= 0) this.feeds.splice(at, 1);
    this.#changed();
  }

  /** The latest frame of a camera, by its number, as a JPEG. */
  picture(id: number): Uint8Array | undefined {
    return this.#feedOf(id)?.jpeg;
  }

  #feedOf(id: number): CameraFeed | undefined {
    return this.feeds.find(({ view }) => view.id === id);
  }

  #changed(): void {
    for (const audience of this.#audiences) audience.changed();
  }

  /** Number of those who watch. */
  get viewers(): number {
    return this.#audiences.reduce((sum, { viewers }) => sum + viewers, 0);
  }

  /** Adds somebody who watches, from now on. */
  showTo(audience: Audience): void {
    this.#audiences.push(audience);
  }

  /** Sends a change to all. */
  send(message: HubMessage, measured?: Measured): void {
    for (const audience of this.#audiences) audience.message(message, measured);
  }

  /** Sends the image of a frame to all. */
  sendJpeg(camera: number, jpeg: Uint8Array): void {
    for (const audience of this.#audiences) audience.jpeg(camera, jpeg);
  }
}
