/**
 * The page: live pictures with their measures, plots, alerts, and the runs of before. Served on
 * loopback; on any other address only with a token.
 *
 * Paths: `/` the page, `/live` its WebSocket, `/api/runs` the run browser's data, `/health` for
 * people and watchdogs, `/metrics` for Prometheus.
 *
 * @module
 */
import { join } from "node:path";
import { createHash, timingSafeEqual } from "node:crypto";
import type { CameraFeed, Hub } from "./hub.ts";
import { ASSETS } from "./page_assets.ts";
import { prometheus } from "./prometheus.ts";
import { type DashboardOptions, Viewers } from "./viewers.ts";
import { listRuns, readRunOverview } from "./runs.ts";

export type { DashboardOptions };

/** A page that is being served. */
export interface Dashboard extends AsyncDisposable {
  /** Address to open, with the token where there is one. */
  readonly url: string;
  /** The port. */
  readonly port: number;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\]|::1)$/;
/** Points of a run that are drawn. */
const MAX_POINTS = 2000;

const HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "content-security-policy":
    "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
};

function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** Who may see the page. */
class Gate {
  readonly #token: string | undefined;

  constructor(token: string | undefined) {
    this.#token = token;
  }

  /** Why a request is refused, or undefined. */
  refusal(request: Request, url: URL): Response | undefined {
    if (this.#token === undefined) {
      // A page of another site may point its own name at this machine: its Host tells.
      return LOOPBACK.test(url.hostname) ? undefined : refuse(403, "This host name is not served");
    }
    const cookie = /(?:^|;\s*)vcs_token=([^;]*)/.exec(request.headers.get("cookie") ?? "")?.[1];
    const bearer = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1];
    const given = url.searchParams.get("token") ?? bearer ?? (cookie && decodeURIComponent(cookie));
    return isSame(given ?? "", this.#token)
      ? undefined
      : refuse(401, "Open the address that the command printed: it holds the token");
  }

  /** Lets the page's own requests in. */
  cookie(): Record<string, string> {
    if (this.#token === undefined) return {};
    const value = encodeURIComponent(this.#token);
    return { "set-cookie": `vcs_token=${value}; HttpOnly; SameSite=Strict; Path=/` };
  }
}

function refuse(status: number, text: string): Response {
  return new Response(`${text}\n`, { status, headers: HEADERS });
}

function json(value: unknown): Response {
  return Response.json(value, { headers: HEADERS });
}

/** One run for the run browser. */
async function runResponse(root: string, name: string): Promise<Response> {
  const run = await readRunOverview(join(root, name), MAX_POINTS);
  return json({ ...run, drift: run.drift.map(({ timestamp, drift }) => [timestamp, drift]) });
}

/** Anything under `/api/runs`; names are checked so that no path leads out of the folder. */
async function serveRuns(root: string, path: string): Promise<Response> {
  const [name, snapshot] = path.split("/").filter((part) => part !== "");
  if (name === undefined) return json(await listRuns(root));
  if (!/^\d{8}_\d{6}(_\d+)?$/.test(name)) return refuse(404, "There is no such run");
  if (snapshot === undefined) return await runResponse(root, name);
  if (!/^frame_\d+\.jpg$/.test(snapshot)) return refuse(404, "There is no such snapshot");
  const bytes = await Deno.readFile(join(root, name, "snapshots", snapshot));
  return new Response(bytes, { headers: { ...HEADERS, "content-type": "image/jpeg" } });
}

function health(hub: Hub): Response {
  const cameras = hub.feeds.map(({ view }) => view);
  const isWell = cameras.every(({ status }) => status === "live" || status === "ended");
  return json({ status: isWell ? "ok" : "degraded", viewers: hub.viewers, cameras });
}

function pictureResponse(feed: CameraFeed | undefined): Response {
  if (feed?.picture === undefined) return refuse(404, "There is no picture yet");
  const bytes = new Uint8Array(feed.picture);
  return new Response(bytes, { headers: { ...HEADERS, "content-type": "image/jpeg" } });
}

/** What requests are answered with. */
interface Site {
  readonly gate: Gate;
  readonly hub: Hub;
  readonly viewers: Viewers;
  readonly runs: string | undefined;
}

/** Upgrades to a WebSocket, where the request comes from our own page. */
function serveLive(request: Request, url: URL, { viewers }: Site): Response {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return refuse(426, "This path is a WebSocket");
  }
  const origin = request.headers.get("origin");
  if (origin !== null && new URL(origin).host !== url.host) return refuse(403, "Wrong origin");
  const { socket, response } = Deno.upgradeWebSocket(request);
  viewers.add(socket);
  return response;
}

/** Answers one request. */
async function respond(request: Request, site: Site): Promise<Response> {
  const { gate, hub, runs } = site;
  const url = new URL(request.url);
  const refusal = gate.refusal(request, url);
  if (refusal !== undefined) return refusal;
  const { pathname: path } = url;
  const asset = ASSETS[path];
  if (asset !== undefined) {
    const headers = { ...HEADERS, ...gate.cookie(), "content-type": asset.type };
    return new Response(asset.text, { headers });
  }
  if (path === "/live") return serveLive(request, url, site);
  if (path === "/health") return health(hub);
  if (path === "/metrics") {
    return new Response(prometheus(hub), { headers: { ...HEADERS, "content-type": "text/plain" } });
  }
  const picture = /^\/picture\/(\d+)\.jpg$/.exec(path);
  if (picture !== null) return pictureResponse(hub.feeds[Number(picture[1])]);
  if (path.startsWith("/api/runs") && runs !== undefined) {
    return await serveRuns(runs, path.slice("/api/runs".length));
  }
  return refuse(404, "There is no such path");
}

/** Names in a URL, with brackets around IPv6. */
function shownHost(hostname: string): string {
  if (hostname === "0.0.0.0" || hostname === "::") return Deno.hostname();
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}

/**
 * Serves the page.
 *
 * @throws {RangeError} where the address is not loopback and there is no token
 */
export function serveDashboard(hub: Hub, options: DashboardOptions = {}): Dashboard {
  const { hostname = "127.0.0.1", port = 0 } = options;
  const token = options.token || undefined;
  if (!LOOPBACK.test(hostname) && token === undefined) {
    throw new RangeError(
      `Cannot serve the page on ${hostname}: others could watch; give a token, or listen on 127.0.0.1`,
    );
  }
  const viewers = new Viewers(hub, options);
  const site: Site = { gate: new Gate(token), hub, viewers, runs: options.runs };
  const stop = new AbortController();
  const server = Deno.serve({
    ...{ hostname, port, onListen: () => {}, signal: stop.signal },
    onError: () => refuse(404, "There is no such thing"),
  }, (request) => respond(request, site));
  const query = token === undefined ? "" : `?token=${encodeURIComponent(token)}`;
  return {
    url: `http://${shownHost(hostname)}:${server.addr.port}/${query}`,
    port: server.addr.port,
    [Symbol.asyncDispose]: async () => {
      await viewers.close();
      stop.abort();
      await server.finished;
    },
  };
}
