/**
 * Who may use a local page: the checks of Host, Origin and token before every route.
 *
 * @module
 */
import { builtin } from "../io/builtin.ts";
import { SiteError } from "./error.ts";

/** Where a site listens, and to whom it answers. */
export interface GuardOptions {
  /** Address that the site is bound to. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
  /** Further names of this machine, with their port if it differs. */
  readonly names?: readonly string[];
  /** URL of the page behind a proxy. */
  readonly behind?: URL;
  /** What a viewer must know. Default: a random token beyond loopback or behind a proxy, else none. */
  readonly token?: string;
}

/** What the guard reads of a request. */
export interface GuardedRequest {
  /** HTTP method. */
  readonly method: string;
  /** Headers; one that came twice has both values, joined by a comma. */
  readonly headers: Headers;
  /** URL of the page as it was requested. */
  readonly url: URL;
  /** Address of this machine to which the connection was made. */
  readonly localAddress: string;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;
const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "::1"];
const EVERY_ADDRESS = new Set(["0.0.0.0", "::"]);

/** Whether only this machine can reach an address. */
export function isLoopback(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}

/** Host and port as a URL holds them. */
export function authority(hostname: string, port: number): string {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname.toLowerCase();
  return port === 80 ? host : `${host}:${port}`;
}

/** Whether two texts are the same, in a time that does not depend on where they differ. */
function isSame(a: string, b: string): boolean {
  const { createHash, timingSafeEqual } = builtin("node:crypto");
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function randomToken(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}

/** Names by which a site is reached, from the address that it listens on. */
function ownNames(hostname: string): string[] {
  if (isLoopback(hostname)) return [hostname, ...LOOPBACK_NAMES];
  return EVERY_ADDRESS.has(hostname) ? [Deno.hostname(), ...LOOPBACK_NAMES] : [hostname];
}

/** The checks that a request passes before it is served. */
export class Guard {
  /** What a viewer must know; undefined where everybody on this machine may view. */
  readonly token: string | undefined;
  readonly #hosts: ReadonlySet<string>;
  readonly #listensEverywhere: boolean;
  readonly #port: number;
  readonly #path: string;

  /** Takes what the site listens on. */
  constructor({ hostname, port, names = [], behind, token }: GuardOptions) {
    const isPrivate = isLoopback(hostname) && behind === undefined;
    this.token = token || (isPrivate ? undefined : randomToken());
    this.#port = port;
    this.#path = behind?.pathname ?? "/";
    this.#listensEverywhere = EVERY_ADDRESS.has(hostname);
    const given = names.map((name) =>
      /[^:]:\d+$/.test(name) ? name.toLowerCase() : authority(name, port)
    );
    const own = ownNames(hostname).map((name) => authority(name, port));
    this.#hosts = new Set([...own, ...given, ...(behind ? [behind.host] : [])]);
  }

  /** Name of the cookie; two sites on one host have two. */
  get cookieName(): string {
    return `vcs_${this.#port}`;
  }

  /**
   * Lets a request pass.
   *
   * @throws {SiteError} 403 where it comes from another site, 401 without the token
   */
  check(request: GuardedRequest): void {
    this.#checkHost(request);
    this.#checkOrigin(request);
    this.#checkToken(request);
  }

  /** Header that admits the page's own requests, where its URL had the token. */
  cookie(url: URL): Record<string, string> {
    if (this.token === undefined || !url.searchParams.has("token")) return {};
    const value = `${this.cookieName}=${encodeURIComponent(this.token)}`;
    return { "set-cookie": `${value}; HttpOnly; SameSite=Strict; Path=${this.#path}` };
  }

  #isOwn(host: string, localAddress: string): boolean {
    if (this.#hosts.has(host.toLowerCase())) return true;
    const reached = localAddress.replace(/^::ffff:/, "");
    return this.#listensEverywhere && host === authority(reached, this.#port);
  }

  /** A page of another site may point its own name at this machine: the Host header shows it. */
  #checkHost({ headers, localAddress }: GuardedRequest): void {
    const host = headers.get("host") ?? "";
    if (this.#isOwn(host, localAddress)) return;
    throw new SiteError("foreign-host", `This site is not served as ${JSON.stringify(host)}`);
  }

  /** Another site may show a link to a page, and neither load, embed, send nor listen. */
  #checkOrigin({ method, headers, localAddress }: GuardedRequest): void {
    const origin = headers.get("origin");
    const host = /^https?:\/\/(.+)$/.exec(origin ?? "")?.[1] ?? "";
    if (origin !== null && !this.#isOwn(host, localAddress)) {
      throw new SiteError(
        "foreign-origin",
        `Pages of ${JSON.stringify(origin)} may not send requests here`,
      );
    }
    const site = headers.get("sec-fetch-site") ?? "none";
    if (site === "none" || site === "same-origin") return;
    const isLink = headers.get("sec-fetch-mode") === "navigate" &&
      headers.get("sec-fetch-dest") === "document" && (method === "GET" || method === "HEAD");
    if (!isLink) {
      throw new SiteError("foreign-origin", "Pages of other sites may not send requests here");
    }
  }

  #checkToken({ headers, url }: GuardedRequest): void {
    if (this.token === undefined) return;
    const bearer = /^Bearer (.+)$/i.exec(headers.get("authorization") ?? "")?.[1];
    const given = url.searchParams.get("token") ?? bearer ?? this.#cookieOf(headers);
    if (isSame(given ?? "", this.token)) return;
    throw new SiteError(
      "token-needed",
      "Open the URL that the command printed: it has the token",
    );
  }

  #cookieOf(headers: Headers): string | undefined {
    const start = `${this.cookieName}=`;
    const cookies = (headers.get("cookie") ?? "").split(/[;,]\s*/);
    const value = cookies.find((cookie) => cookie.startsWith(start))?.slice(start.length);
    try {
      return value && decodeURIComponent(value);
    } catch {
      return undefined;
    }
  }
}
