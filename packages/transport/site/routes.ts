/**
 * What a site answers: a table of methods and paths, and its files.
 *
 * @module
 */
import { type AssetList, assetResponse, Assets } from "./assets.ts";
import { SiteError } from "./error.ts";
import type { UpgradeRoute } from "./upgrade.ts";

/** A request that has passed the guard. */
export interface SiteRequest {
  /** The request; its body is bounded, its signal is aborted when the client goes. */
  readonly request: Request;
  /** Its URL. */
  readonly url: URL;
  /** Parts of the path that its pattern names, as they are in the URL. */
  readonly groups: Readonly<Record<string, string | undefined>>;
}

/**
 * Answers a request. A {@linkcode SiteError} that it throws is shown to the viewer; any other error
 * becomes a plain 500.
 */
export type Handler = (request: SiteRequest) => Response | Promise<Response>;

/**
 * Handlers, feeds and listeners by method and path, such as `"GET /image/:id"`. Paths are patterns as
 * `URLPattern` has them; GET answers HEAD, too; a WebSocket is a GET.
 */
export type RouteTable = Readonly<Record<string, Handler | UpgradeRoute>>;

interface Route {
  readonly method: string;
  readonly pattern: URLPattern;
  readonly answer: Handler | UpgradeRoute;
}

/** A route with the named parts of its path. */
interface Match {
  readonly answer: Handler | UpgradeRoute;
  readonly groups: SiteRequest["groups"];
}

/** Compiled routes and files. */
export class Routes {
  readonly #routes: readonly Route[];
  readonly #assets: Assets;

  /** Takes a table and a list. */
  constructor(table: RouteTable, assets: AssetList) {
    this.#assets = new Assets(assets);
    this.#routes = Object.entries(table).map(([name, answer]) => {
      const [method = "", pathname = ""] = name.split(" ");
      return { method, pattern: new URLPattern({ pathname }), answer };
    });
  }

  /** All that WebSockets are made for. */
  get upgrades(): readonly UpgradeRoute[] {
    return this.#routes.map(({ answer }) => answer).filter((answer) => typeof answer === "object");
  }

  /**
   * Answers a request.
   *
   * @throws {SiteError} where nothing is served there
   */
  async respond(request: Request, url: URL): Promise<Response> {
    const asset = this.#assets.get(url.pathname);
    if (asset !== undefined) {
      this.#allow(request.method, ["GET"]);
      return assetResponse(asset, request.headers);
    }
    const { answer, groups } = this.#match(request.method, url);
    if (typeof answer === "object") {
      throw new SiteError("upgrade-needed", "This path is a WebSocket");
    }
    return await answer({ request, url, groups });
  }

  /**
   * What WebSockets at a URL are made for.
   *
   * @throws {SiteError} where there are none
   */
  upgrade(method: string, url: URL): UpgradeRoute {
    const { answer } = this.#match(method, url);
    if (typeof answer === "object") return answer;
    throw new SiteError("bad-request", "This path is not a WebSocket");
  }

  #match(method: string, url: URL): Match {
    // No path of ours needs an escape, so an escape can only mean to hide something.
    const fitting = url.pathname.includes("%") ? [] : this.#routes.flatMap((route) => {
      const found = route.pattern.exec({ pathname: url.pathname });
      return found ? [{ ...route, groups: found.pathname.groups }] : [];
    });
    if (fitting.length === 0) throw new SiteError("not-found", "There is no such path");
    const wanted = this.#allow(method, fitting.map((route) => route.method));
    return fitting.find((route) => route.method === wanted)!;
  }

  /** The method to look for among those that a path has. */
  #allow(method: string, known: readonly string[]): string {
    const wanted = method === "HEAD" ? "GET" : method;
    if (known.includes(wanted)) return wanted;
    throw new SiteError(
      "method-not-allowed",
      `Cannot ${method} this path: expected ${known.join(", ")}`,
    );
  }
}
