/**
 * The page: live frames with their measures, plots, alerts, and past runs. Served on loopback; on
 * any other address only with a token.
 *
 * Paths: `/` the page, `/live` its WebSocket, `/api/runs` the run browser's data, `/api/regions`
 * what counts of a camera's picture, `/health` and `/ready` for people and watchdogs, `/metrics` for Prometheus.
 *
 * @module
 */
import { join } from "node:path";
import {
  defined,
  Feed,
  isLoopback,
  type RouteTable,
  Site,
  SiteError,
  type SiteRequest,
} from "@vcs/transport/internal";
import { ClipDriftError } from "../errors.ts";
import type { CameraFeed, Hub, HubMessage } from "./hub.ts";
import { ASSETS } from "./assets.ts";
import type { Regions } from "../measures/regions.ts";
import { prometheus } from "./prometheus.ts";
import { readRunOverview, readRunSnapshots, shared } from "../runs/overview.ts";
import { cameraOf, listRuns, readSnapshot } from "../runs/reader.ts";

/** Where to serve, and to whom. */
export interface DashboardOptions {
  /** Address to listen on. Default: 127.0.0.1. */
  readonly hostname?: string;
  /** Port. Default: any free one. */
  readonly port?: number;
  /** URL that a proxy shows the page under, with a slash at the end. Default: there is no proxy. */
  readonly behind?: URL;
  /**
   * What a viewer must know; an empty one is none. Default: a random token beyond loopback or behind a
   * proxy, else none.
   */
  readonly token?: string;
  /** Folder of the runs that the page may show. Default: none. */
  readonly runs?: string;
  /** Whether the page shows plots. Default: true. */
  readonly plot?: boolean;
  /** Shown on the page: the model and its device. */
  readonly model?: string;
  /** Where what counts of pictures is kept, as viewers draw it. Default: they cannot. */
  readonly regions?: RegionsKeeper;
  /** Called when a viewer asks to quit; the page has that key only if it needs no token. */
  readonly onQuit?: () => void;
}

/** Keeps what counts of the cameras' pictures. */
export interface RegionsKeeper {
  /** What is kept of a camera, if anything. */
  of(camera: string): Promise<Regions | undefined>;
  /**
   * Keeps what a viewer has drawn.
   *
   * @throws {SyntaxError} if it is no regions
   */
  save(camera: string, value: unknown): Promise<void>;
}

/** A page that is being served. */
export interface Dashboard extends AsyncDisposable {
  /** URL to open, with the token if there is one. */
  readonly url: string;
  /** The port. */
  readonly port: number;
}

/** Points of a run that are drawn. */
const MAX_POINTS = 1000;

function jpeg(bytes: Uint8Array): Response {
  return new Response(new Uint8Array(bytes), { headers: { "content-type": "image/jpeg" } });
}

function none(what: string): SiteError {
  return new SiteError("not-found", `There is no such ${what}`);
}

/** Folder of a run; names are checked so that no path leads out of the root. */
function runFolder(root: string, name = ""): string {
  if (!/^\d{8}_\d{6}(_\d+)?$/.test(name)) throw none("run");
  return join(root, name);
}

/** What is read, or a 404 if it is missing. */
async function found<T>(what: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof ClipDriftError) throw new SiteError("not-found", error.message);
    throw error instanceof Deno.errors.NotFound ? none(what) : error;
  }
}

/** Lists runs with their cameras, whose names are read once. */
function runList(root: string): () => Promise<readonly object[]> {
  const cameras = new Map<string, string | undefined>();
  return async () => {
    const names = await listRuns(root);
    for (const name of names) {
      if (!cameras.has(name)) cameras.set(name, await cameraOf(join(root, name)));
    }
    return names.map((name) => ({ name, ...defined({ camera: cameras.get(name) }) }));
  };
}

/** The run browser's paths. */
function runRoutes(root: string): RouteTable {
  const listed = runList(root);
  const read = shared((path) => readRunOverview(path, MAX_POINTS));
  const listSnapshots = shared(readRunSnapshots);
  return {
    "GET /api/runs": async () => Response.json(await listed()),
    "GET /api/runs/:run": async ({ groups }) => {
      return Response.json(await found("run", read(runFolder(root, groups.run))));
    },
    "GET /api/runs/:run/snapshots": async ({ groups }) => {
      return Response.json(await found("run", listSnapshots(runFolder(root, groups.run))));
    },
    "GET /api/runs/:run/:snapshot": async ({ groups: { run, snapshot = "" } }) => {
      if (!/^frame_\d+\.jpg$/.test(snapshot)) throw none("snapshot");
      return jpeg(await found("snapshot", readSnapshot(runFolder(root, run), snapshot)));
    },
  };
}

/** What keeps regions does, or why it cannot. */
async function kept<T>(doing: Promise<T>): Promise<T> {
  try {
    return await doing;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new SiteError(error instanceof SyntaxError ? "bad-request" : "internal", message);
  }
}

/** The paths at which regions are drawn. */
function regionRoutes(hub: Hub, keeper: RegionsKeeper): RouteTable {
  const feedOf = ({ searchParams }: URL): CameraFeed => {
    const feed = hub.feeds.find(({ view }) => view.name === searchParams.get("camera"));
    if (feed === undefined) throw none("camera");
    return feed;
  };
  return {
    "GET /api/regions": async ({ url }) => {
      const { view: { name }, regions = { roi: [], mask: [] } } = feedOf(url);
      return Response.json(await kept(keeper.of(name)) ?? regions);
    },
    "POST /api/regions": async ({ request, url }) => {
      const { view: { name } } = feedOf(url);
      const text = await request.text();
      const saving = async () => await keeper.save(name, JSON.parse(text));
      await kept(saving());
      return new Response(null, { status: 204 });
    },
  };
}

const isUp = ({ view: { status } }: CameraFeed) => status === "live" || status === "ended";

/** The state of all cameras, or of one; 503 if none of those asked for is well. */
function health(hub: Hub, name: string | null): Response {
  const feeds = hub.feeds.filter(({ view }) => name === null || view.name === name);
  if (name !== null && feeds.length === 0) throw none("camera");
  const cameras = feeds.map(({ view }) => view);
  const status = feeds.every(isUp) ? "ok" : feeds.some(isUp) ? "degraded" : "down";
  const body = { status, viewers: hub.viewers, cameras };
  return Response.json(body, { status: status === "down" ? 503 : 200 });
}

/** Whether any camera delivers frames. */
function ready(hub: Hub): Response {
  const isReady = hub.feeds.some(({ view }) => view.status === "live");
  return new Response(isReady ? "ready\n" : "no camera is live\n", { status: isReady ? 200 : 503 });
}

function latestFrame(picture: Uint8Array | undefined): Response {
  if (picture === undefined) throw none("picture");
  return jpeg(picture);
}

/** What a new viewer gets first. */
function greeting({ feeds, history }: Hub, options: DashboardOptions, canQuit: boolean): string {
  const cameras = feeds.map(({ view, points, notes }) => ({ view, points, notes }));
  const { plot = true, model = "", runs } = options;
  const [hasRuns, canDraw] = [runs !== undefined, options.regions !== undefined];
  const can = { hasRuns, canQuit, canDraw };
  return JSON.stringify({ type: "hello", cameras, plot, model, ...can, history });
}

/** A slow viewer gets the latest state of a camera, and every note. */
function keyOf(message: HubMessage): string | undefined {
  return message.type === "note" ? undefined : `${message.type} ${message.view.id}`;
}

/** Sends a frame as the page takes it: `[camera, JPEG…]`. */
function sendJpeg(viewers: Pick<Feed, "send">, camera: number, jpeg: Uint8Array): void {
  const message = new Uint8Array(jpeg.length + 1);
  message[0] = camera;
  message.set(jpeg, 1);
  viewers.send(message, `jpeg ${camera}`);
}

/** Joins the viewers of the page to the hub. */
function liveFeed(hub: Hub, options: DashboardOptions, canQuit: boolean): Feed {
  const greet = (viewers: Pick<Feed, "send">) => {
    viewers.send(greeting(hub, options, canQuit), "hello");
    for (const { view, jpeg } of hub.feeds) if (jpeg) sendJpeg(viewers, view.id, jpeg);
  };
  const feed = new Feed({
    onJoin(viewer) {
      greet(viewer);
    },
    onMessage: (text) => {
      if (canQuit && text === "quit") options.onQuit?.();
    },
  });
  hub.showTo({
    get viewers() {
      return feed.viewers;
    },
    changed: () => {
      if (feed.viewers > 0) greet(feed);
    },
    message: (message) => {
      if (feed.viewers > 0) feed.send(JSON.stringify(message), keyOf(message));
    },
    jpeg: (camera, jpeg) => {
      if (feed.viewers > 0) sendJpeg(feed, camera, jpeg);
    },
  });
  return feed;
}

/** Serves the page. */
export async function serveDashboard(
  hub: Hub,
  options: DashboardOptions = {},
): Promise<Dashboard> {
  const { hostname = "127.0.0.1", port = 0, token, behind, runs, regions } = options;
  // If no token is needed, all who can see the page sit at this machine.
  const canQuit = !token && isLoopback(hostname) && behind === undefined;
  return await Site.open({
    ...{ hostname, port, assets: ASSETS },
    ...defined({ token, behind }),
    routes: {
      "GET /live": liveFeed(hub, options, canQuit),
      "GET /health": ({ url }) => health(hub, url.searchParams.get("camera")),
      "GET /ready": () => ready(hub),
      "GET /metrics": () =>
        new Response(prometheus(hub), { headers: { "content-type": "text/plain" } }),
      "GET /picture/:id.jpg": ({ groups }: SiteRequest) =>
        latestFrame(hub.picture(Number(groups.id))),
      ...(runs === undefined ? {} : runRoutes(runs)),
      ...(regions === undefined ? {} : regionRoutes(hub, regions)),
    },
  });
}
