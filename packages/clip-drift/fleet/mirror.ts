/**
 * Shows what other processes publish: `clip-drift view nats://…`. What comes is taken for what a
 * stranger may have sent: only known fields of the right type reach the page.
 *
 * @module
 */
import type { Message } from "@vcs/transport/message";
import { type Clock, messageTensors, systemClock } from "@vcs/transport/portable";
import { ignoreAbort } from "@vcs/transport/internal";
import { METRICS } from "../drift.ts";
import type { CameraFeed, CameraNote, CameraView, Hub, PlotPoint } from "../page/hub.ts";

/** Milliseconds without a message after which a process counts as gone. */
const SILENT = 15_000;
/** Cameras of all processes, and letters of a text. */
const [MAX_CAMERAS, MAX_TEXT] = [200, 500];

const STATUSES = ["connecting", "live", "frozen", "lost", "ended", "failed"];

type Fields = Readonly<Record<string, unknown>>;

const fields = (value: unknown): Fields =>
  typeof value === "object" && value !== null ? value as Fields : {};
const short = (value: unknown) => typeof value === "string" ? value.slice(0, MAX_TEXT) : undefined;
const isNumber = (value: unknown) => typeof value === "number" && Number.isFinite(value);

/** Those fields of a view that are what they should be. */
function viewOf(value: Fields, own: CameraView): Partial<CameraView> {
  const known = Object.keys(own).filter((key) => !["id", "name", "snapshots", "run"].includes(key));
  const entries = [...known, "lastFrame"].flatMap((key): [string, unknown][] => {
    const one = value[key];
    if (key === "status") return STATUSES.includes(String(one)) ? [[key, one]] : [];
    if (key === "measures") {
      const measures = METRICS.filter((name) => isNumber(fields(one)[name]));
      return [[key, Object.fromEntries(measures.map((name) => [name, fields(one)[name]]))]];
    }
    if (key === "hasContent") return typeof one === "boolean" ? [[key, one]] : [];
    return isNumber(one) ? [[key, one]] : [];
  });
  const label = short(value["label"]);
  return { ...Object.fromEntries(entries), ...(label !== undefined && { label }) };
}

function pointOf(value: unknown): PlotPoint | undefined {
  if (!Array.isArray(value) || value.length !== 4) return undefined;
  const [time, drift, ...others] = value;
  const isPoint = isNumber(time) && isNumber(drift) &&
    others.every((one) => one === null || isNumber(one));
  return isPoint ? [time, drift, others[0], others[1]] : undefined;
}

function noteOf(value: unknown): CameraNote | undefined {
  const { type, time, text } = fields(value);
  const [kind, words] = [short(type), short(text)];
  if (kind === undefined || words === undefined || !/^[\w-]+$/.test(kind)) return undefined;
  return isNumber(time) ? { type: kind, time: time as number, text: words } : undefined;
}

/** What a message holds; nothing where it is none of ours. */
function read(message: Message): { readonly state: Fields; readonly jpeg?: unknown } {
  try {
    const tensors = messageTensors(message);
    const bytes = tensors.get("state")?.data as Uint8Array<ArrayBuffer>;
    const state = fields(JSON.parse(new TextDecoder().decode(bytes)));
    return { state, jpeg: tensors.get("jpeg")?.data };
  } catch {
    return { state: {} };
  }
}

interface Mirrored {
  readonly feed: CameraFeed;
  stream: string;
  id: number;
  heardAt: number;
}

/** The cameras of other processes in a hub of ours. */
export class Mirror {
  readonly #hub: Hub;
  readonly #clock: Clock;
  readonly #cameras: Mirrored[] = [];

  /** Makes a mirror without cameras. */
  constructor(hub: Hub, clock: Clock = systemClock) {
    this.#hub = hub;
    this.#clock = clock;
  }

  /** Takes a message; one that is none of ours changes nothing. */
  take(message: Message): void {
    const { state, jpeg } = read(message);
    const { type, view, camera, cameras, point, note } = state;
    const { streamId } = message;
    if (type === "cameras") return this.#list(streamId, Array.isArray(cameras) ? cameras : []);
    const one = this.#find(streamId, type === "note" ? camera : fields(view)["id"]);
    if (one === undefined) return;
    one.heardAt = this.#clock.now();
    if (type === "note") return this.#note(one, noteOf(note));
    const [seen, drawn] = [viewOf(fields(view), one.feed.view), pointOf(point)];
    one.feed.mirror(seen, drawn === undefined ? {} : { point: drawn });
    if (jpeg instanceof Uint8Array && jpeg[0] === 0xff && jpeg[1] === 0xd8) one.feed.show(jpeg);
  }

  #note({ feed }: Mirrored, note: CameraNote | undefined): void {
    if (note !== undefined) feed.mirror({}, { note });
  }

  #find(stream: string, id: unknown): Mirrored | undefined {
    return this.#cameras.find((one) => one.stream === stream && one.id === id);
  }

  /** Takes the list of a process's cameras. */
  #list(stream: string, views: readonly unknown[]): void {
    const listed = views.map(fields).filter(({ id, name }) => isNumber(id) && short(name));
    for (const view of listed) {
      const one = this.#find(stream, view["id"]) ?? this.#add(stream, view);
      if (one === undefined) continue;
      one.heardAt = this.#clock.now();
      one.feed.mirror(viewOf(view, one.feed.view));
    }
    const ids = listed.map(({ id }) => id);
    for (const one of this.#cameras.filter((one) => one.stream === stream)) {
      if (!ids.includes(one.id)) this.#remove(one);
    }
  }

  /** A camera of that name whose process is gone is taken to have come back. */
  #add(stream: string, { id, name }: Fields): Mirrored | undefined {
    const gone = this.#cameras.find(({ feed: { view } }) =>
      view.name === short(name) && ["lost", "ended", "failed"].includes(view.status)
    );
    const at = { stream, id: id as number, heardAt: this.#clock.now() };
    if (gone !== undefined) return Object.assign(gone, at);
    if (this.#cameras.length >= MAX_CAMERAS) return undefined;
    const one = { feed: this.#hub.add(short(name)!), ...at };
    this.#cameras.push(one);
    return one;
  }

  #remove(one: Mirrored): void {
    this.#cameras.splice(this.#cameras.indexOf(one), 1);
    this.#hub.remove(one.feed);
  }

  /** Says of cameras whose process is silent that they are lost, until the signal is aborted. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(1000, signal).catch(ignoreAbort(signal));
      for (const { feed, heardAt } of this.#cameras) {
        const isOver = ["lost", "ended", "failed"].includes(feed.view.status);
        if (isOver || this.#clock.now() - heardAt < SILENT) continue;
        feed.note("lost", `Nothing has come for ${SILENT / 1000} s`, "lost");
      }
    }
  }
}
