/**
 * What a running stream says of itself to others: `/metrics` for Prometheus, `/health` for people
 * and watchdogs, on a guarded site.
 *
 * @module
 */
import { defined, type OptionValues, say } from "@vcs/transport/internal";
import { type RouteTable, Site } from "@vcs/transport/internal";
import type { OBSERVED } from "./options.ts";

/** Routes that report statistics. */
export function observedRoutes(read: () => object): RouteTable {
  const headers = { "content-type": "text/plain; version=0.0.4" };
  return {
    "GET /metrics": () => new Response(prometheus(read()), { headers }),
    "GET /health": () => Response.json({ status: "ok", ...read() }),
  };
}

/** Serves them where `--listen` says; nothing without it. */
export async function observe(
  { listen, token }: OptionValues<typeof OBSERVED>,
  read: () => object,
): Promise<AsyncDisposable> {
  if (listen === undefined) return new AsyncDisposableStack();
  const site = await Site.open({ ...listen, ...defined({ token }), routes: observedRoutes(read) });
  const [origin, query] = site.url.split("?");
  say(`Metrics are at ${origin}metrics${query === undefined ? "" : `?${query}`}`);
  return site;
}

/** Every number of some statistics, one line each; lists are left to `/health`. */
export function prometheus(statistics: object, prefix = "video_vq"): string {
  const lines = Object.entries(statistics).map(([key, value]) => {
    const name = `${prefix}_${key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
    if (typeof value === "number") return `${name} ${value}\n`;
    const isPart = typeof value === "object" && value !== null && !Array.isArray(value);
    return isPart ? prometheus(value, name) : "";
  });
  return lines.join("");
}
