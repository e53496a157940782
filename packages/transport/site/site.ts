/**
 * The one server behind every local page: bound to loopback unless asked, guarded, bounded, and
 * closed in order. It stands on `node:http`, because `Deno.serve` bounds neither connections nor
 * the time of a request's head, ends when file descriptors run out, and cannot cut a connection.
 *
 * @module
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { builtin } from "../io/builtin.ts";
import { defined } from "../io/defined.ts";
import { onAbort, settledWithin } from "../flow/abort.ts";
import type { AssetList } from "./assets.ts";
import { GUARD_HEADERS, SiteError, type SiteErrorCode } from "./error.ts";
import { authority, Guard, type GuardedRequest } from "./guard.ts";
import { Routes, type RouteTable } from "./routes.ts";

/** What a site serves, where, and to whom. */
export interface SiteOptions {
  /** Handlers and feeds. Default: none. */
  readonly routes?: RouteTable;
  /** Files. Default: none. */
  readonly assets?: AssetList;
  /** Address to listen on. Default: 127.0.0.1. */
  readonly hostname?: string;
  /** Port. Default: any free one. */
  readonly port?: number;
  /** Further names of this machine, with their port if it differs. Default: none. */
  readonly names?: readonly string[];
  /**
   * URL that a proxy shows the site under, its path with a slash at the end; the proxy may pass that
   * path on or take it away. Default: there is no proxy.
   */
  readonly behind?: URL;
  /** What a viewer must know. Default: a random token beyond loopback or behind a proxy, else none. */
  readonly token?: string;
  /** Connections at a time. Default: 256. */
  readonly connections?: number;
  /** Bytes of a request's body. Default: 64 KiB. */
  readonly body?: number;
  /** Milliseconds for a request's head. Default: 10,000. */
  readonly headTimeout?: number;
  /** Milliseconds for a whole request, its body included. Default: 120,000. */
  readonly requestTimeout?: number;
  /** Milliseconds in which a client must take some of the answer that it is sent. Default: 15,000. */
  readonly stuckAfter?: number;
  /** Called with errors that no request caused. Default: they are dropped. */
  readonly onError?: (error: unknown) => void;
  /** Closes the site. */
  readonly signal?: AbortSignal;
}

/** Bytes of a request's head. */
const LARGEST_HEAD = 16 * 1024;
/** How long a connection is kept for a next request. */
const KEEP_ALIVE_MS = 5000;
/** Largest piece of an answer that is written at once; that some is taken is seen piece by piece. */
const PIECE = 16 * 1024;
/** How long viewers and responses may take to end, and then what handlers hold. */
const GOODBYE_MS = 300;
const RELEASE_MS = 5000;

/** What the HTTP parser reports, as the viewer sees it; anything else is a bad request. */
const PARSER_ERRORS: Readonly<Record<string, SiteErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: "timeout",
  HPE_HEADER_OVERFLOW: "head-too-large",
};

const MESSAGES: Partial<Record<SiteErrorCode, string>> = {
  timeout: "The request took too long",
  "head-too-large": `Cannot read a request's head of more than ${LARGEST_HEAD} bytes`,
};

/** A site that is being served. Close it with `await using`. */
export class Site implements AsyncDisposable {
  /** Port that it listens on. */
  readonly port: number;
  readonly #hostname: string;
  readonly #server: Server;
  readonly #sockets: ReadonlySet<Socket>;
  readonly #options: SiteOptions;
  readonly #guard: Guard;
  readonly #routes: Routes;
  readonly #stop = new AbortController();
  readonly #answers = new Set<Promise<void>>();
  #aborting: Disposable | undefined;
  #closing: Promise<void> | undefined;

  private constructor(server: Server, sockets: ReadonlySet<Socket>, options: SiteOptions) {
    const { routes = {}, assets = {}, token, names = [], behind, signal } = options;
    this.#hostname = hostnameOf(options);
    this.port = (server.address() as { port: number }).port;
    this.#server = server;
    this.#sockets = sockets;
    this.#options = options;
    this.#routes = new Routes(routes, assets);
    const place = { hostname: this.#hostname, port: this.port, names };
    this.#guard = new Guard({ ...place, ...defined({ token, behind }) });
    server.on("error", (error) => options.onError?.(error));
    server.on("request", (message, out) => this.#track(this.#answer(message, out)));
    server.on("upgrade", (message, socket, head) => this.#upgrade(message, socket as Socket, head));
    this.#aborting = onAbort(signal, () => void this[Symbol.asyncDispose]());
  }

  /**
   * Starts listening.
   *
   * @throws {Deno.errors.AddrInUse} where the port is taken
   */
  static async open(options: SiteOptions): Promise<Site> {
    const { connections = 256, headTimeout = 10_000, requestTimeout = 120_000 } = options;
    options.signal?.throwIfAborted();
    const server = builtin("node:http").createServer({
      maxHeaderSize: LARGEST_HEAD,
      headersTimeout: headTimeout,
      requestTimeout,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: Math.min(1000, headTimeout / 2),
    });
    // Without a limit of their count: headers beyond it would be dropped in silence.
    server.maxHeadersCount = 0;
    const sockets = boundConnections(server, connections);
    server.on("clientError", (error: Error & { code?: string }, socket) => {
      const code = PARSER_ERRORS[error.code ?? ""] ?? "bad-request";
      refuse(socket as Socket, new SiteError(code, MESSAGES[code] ?? "Cannot read the request"));
    });
    await listen(server, hostnameOf(options), options.port ?? 0);
    return new Site(server, sockets, options);
  }

  /** Address to open, with the token where there is one. */
  get url(): string {
    const { token } = this.#guard;
    const query = token === undefined ? "" : `?token=${encodeURIComponent(token)}`;
    const everywhere = this.#hostname === "0.0.0.0" || this.#hostname === "::";
    const shown = everywhere ? Deno.hostname() : this.#hostname;
    return `${this.#options.behind ?? `http://${authority(shown, this.port)}/`}${query}`;
  }

  #track(answer: Promise<void>): void {
    this.#answers.add(answer);
    answer.finally(() => this.#answers.delete(answer));
  }

  /** A path without that of the proxy, which may have taken it away. */
  #ownPath(target: string): string {
    const path = this.#options.behind?.pathname ?? "/";
    return target.startsWith(path) ? target.slice(path.length - 1) : target;
  }

  /** Reads a request's head, and lets it pass the guard. */
  #admit(message: IncomingMessage): GuardedRequest {
    const { method = "", rawHeaders, socket } = message;
    const target = this.#ownPath(message.url ?? "");
    if (!target.startsWith("/")) throw new SiteError("bad-request", "A path is expected");
    const headers = new Headers();
    for (let i = 0; i < rawHeaders.length; i += 2) {
      headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
    }
    const url = new URL(`http://${authority(this.#hostname, this.port)}${target}`);
    const request = { method, headers, url, localAddress: socket.localAddress ?? "" };
    this.#guard.check(request);
    // Dots, backslashes and whatever else URLs normalise: no browser requests it.
    if (target.split("?")[0] !== url.pathname) {
      throw new SiteError("not-found", "There is no such path");
    }
    return request;
  }

  async #answer(message: IncomingMessage, out: ServerResponse): Promise<void> {
    const isHead = message.method === "HEAD";
    const { stuckAfter = 15_000 } = this.#options;
    const send = async (response: Response) => await write(response, out, isHead, stuckAfter);
    try {
      await send(await this.#respond(message, out));
    } catch (error) {
      if (out.headersSent) out.destroy();
      else await send(this.#failure(error)).catch(() => out.destroy());
    }
  }

  async #respond(message: IncomingMessage, out: ServerResponse): Promise<Response> {
    const { method, headers, url } = this.#admit(message);
    const cookie = this.#guard.cookie(url);
    if (cookie["set-cookie"] !== undefined && headers.get("accept")?.includes("text/html")) {
      // So that the token stays out of the address bar and the history.
      url.searchParams.delete("token");
      const path = this.#options.behind?.pathname.slice(0, -1) ?? "";
      const location = path + url.pathname + url.search;
      return new Response(null, { status: 303, headers: { ...cookie, location } });
    }
    const signal = AbortSignal.any([this.#stop.signal, whenClosed(out)]);
    const request = new Request(url, { method, headers, signal, body: this.#bodyOf(message) });
    const response = await this.#routes.respond(request, url);
    for (const [name, value] of Object.entries(cookie)) response.headers.set(name, value);
    return response;
  }

  /** The body of a request, as far as it is allowed. */
  #bodyOf(message: IncomingMessage): ReadableStream<Uint8Array> | null {
    const { body: limit = 64 * 1024 } = this.#options;
    if (message.method !== "POST" && message.method !== "PUT") return null;
    if (Number(message.headers["content-length"] ?? 0) > limit) throw tooLarge(limit);
    return ReadableStream.from(bounded(message, limit));
  }

  #failure(error: unknown): Response {
    if (error instanceof SiteError) return error.response({ connection: "close" });
    if (!this.#stop.signal.aborted) this.#options.onError?.(error);
    return new SiteError("internal", "The request failed").response({ connection: "close" });
  }

  #upgrade(message: IncomingMessage, socket: Socket, head: Uint8Array): void {
    try {
      const { method, headers, url } = this.#admit(message);
      const route = this.#routes.upgrade(method, url);
      if (head.length > 0) socket.unshift(head);
      route.take(headers, socket);
    } catch (error) {
      if (error instanceof SiteError) refuse(socket, error);
      else socket.destroy();
    }
  }

  /** Ends feeds and responses, cuts what does not end by itself, and stops listening. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#aborting?.[Symbol.dispose]();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#stop.abort(new DOMException("The site is closed", "AbortError"));
    for (const route of this.#routes.upgrades) route.close();
    this.#server.closeIdleConnections();
    await settledWithin(GOODBYE_MS, closed);
    for (const socket of this.#sockets) socket.destroy();
    await settledWithin(RELEASE_MS, Promise.allSettled([closed, ...this.#answers]));
  }
}

function hostnameOf({ hostname = "127.0.0.1" }: SiteOptions): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

/**
 * Counts connections. Beyond the bound the oldest of those that ask nothing makes room, so that
 * nobody keeps others out by being silent; where there is none, the new one is turned away.
 */
function boundConnections(server: Server, most: number): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  const busy = new WeakSet<object>();
  server.on("request", ({ socket }: IncomingMessage, out: ServerResponse) => {
    busy.add(socket);
    out.on("close", () => busy.delete(socket));
  });
  server.on("upgrade", ({ socket }: IncomingMessage) => busy.add(socket));
  server.on("connection", (socket: Socket) => {
    socket.on("error", () => socket.destroy());
    if (sockets.size >= most) {
      const silent = [...sockets].find((other) => !busy.has(other));
      if (!silent) return refuse(socket, tooMany(most));
      sockets.delete(silent);
      silent.destroy();
    }
    sockets.add(socket);
    socket.setKeepAlive(true, 30_000);
    socket.on("close", () => sockets.delete(socket));
  });
  return sockets;
}

function tooMany(most: number): SiteError {
  return new SiteError("too-many-clients", `Cannot serve more than ${most} connections`);
}

async function listen(server: Server, hostname: string, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, hostname, () => resolve());
    });
  } catch (error) {
    if ((error as { code?: string }).code !== "EADDRINUSE") throw error;
    throw new Deno.errors.AddrInUse(
      `Cannot serve on ${
        authority(hostname, port)
      }: the port is in use; choose another, or 0 for any`,
      { cause: error },
    );
  }
}

/** Ends a connection with the reason, where it still listens. */
function refuse(socket: Socket, error: SiteError): void {
  if (socket.writable) socket.end(error.bytes(), () => socket.destroy());
  else socket.destroy();
}

function tooLarge(limit: number): SiteError {
  return new SiteError("too-large", `Cannot take a body of more than ${limit} bytes`);
}

async function* bounded(message: IncomingMessage, limit: number): AsyncGenerator<Uint8Array> {
  let taken = 0;
  for await (const chunk of message) {
    taken += chunk.length;
    if (taken > limit) throw tooLarge(limit);
    yield new Uint8Array(chunk);
  }
}

function whenClosed(out: ServerResponse): AbortSignal {
  const gone = new AbortController();
  out.on("close", () => gone.abort(new DOMException("The client has gone", "AbortError")));
  return gone.signal;
}

/** Writes a response, no faster than the client reads it; one that reads nothing is cut off. */
async function write(
  response: Response,
  out: ServerResponse,
  isHead: boolean,
  stuckAfter: number,
): Promise<void> {
  const headers = { ...GUARD_HEADERS, ...Object.fromEntries(response.headers) };
  // A client that has gone already closes nothing any more.
  if (out.destroyed) return await response.body?.cancel();
  out.writeHead(response.status, headers);
  if (isHead || response.body === null) {
    await response.body?.cancel();
    out.end();
    return;
  }
  const reader = response.body.getReader();
  out.on("close", () => void reader.cancel().catch(() => {}));
  for (let part; !(part = await reader.read()).done;) {
    for (let at = 0; at < part.value.length; at += PIECE) {
      if (out.write(part.value.subarray(at, at + PIECE))) continue;
      await within(out, "drain", stuckAfter);
    }
  }
  if (out.destroyed) return;
  out.end();
  await within(out, "finish", stuckAfter);
}

/** Waits until a client has taken what was written; destroys the answer of one that takes nothing. */
async function within(out: ServerResponse, event: string, milliseconds: number): Promise<void> {
  const taken = Promise.withResolvers<void>();
  const timer = setTimeout(() => out.destroy(), milliseconds);
  out.once(event, taken.resolve);
  out.once("close", taken.resolve);
  if (!out.destroyed) await taken.promise;
  clearTimeout(timer);
  out.off(event, taken.resolve);
  out.off("close", taken.resolve);
}
