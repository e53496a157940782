/**
 * The connections of one end of a channel between peers: made to one peer and made again whenever
 * they are lost, or accepted from peers by a listener.
 *
 * @module
 */
import type { ChannelOptions } from "./types.ts";
import { TransportError } from "../errors.ts";
import { abortable, ignoreAbort, onAbort } from "../flow/abort.ts";
import { type Clock, systemClock } from "../flow/clock.ts";
import { attempts, Backoff } from "../flow/retry.ts";
import { type Conn, Places } from "../flow/places.ts";
import { type Access, readAccess, refuseUntrusted } from "./reach/access.ts";
import { Waiting } from "./reach/waiting.ts";
import { hostAndPort, readSettings } from "./settings.ts";

/** Where peers are met, and what holds for each of them. */
export interface PeerRules {
  readonly hostname: string;
  readonly port: number;
  /** Whether peers connect to this end. */
  readonly listen: boolean;
  /** Messages that may be in flight to or from a peer. */
  readonly credits: number;
  /** Milliseconds between two signs of life; three without one end a connection. */
  readonly heartbeat: number;
  /** Whom it trusts, and how it proves who it is; of `tcp:` only. */
  readonly access: Access;
}

/** Reads the URL of an end, which listens, or does not, where the URL says nothing. */
export function readPeerRules(
  url: URL,
  listens: boolean,
  settings: Pick<ChannelOptions, "tls" | "secret">,
): PeerRules {
  const { hostname, port } = hostAndPort(url);
  return readSettings(url, (read) => ({
    hostname: hostname === "*" ? "0.0.0.0" : hostname,
    port,
    credits: read.count("credits", 3),
    listen: read.flag("listen", listens),
    heartbeat: read.count("heartbeat", 5000),
    access: url.protocol === "tcp:" ? readAccess(url, read, settings) : {},
  }));
}

/** Who accepts connections. */
export interface Listener {
  accept(): Promise<Conn>;
  close(): void;
}

/** How connections are made where they are not TCP's. */
export interface Meeting {
  /** Connects to the peer. */
  dial?(signal: AbortSignal): Promise<Conn>;
  /** Accepts peers, at the place that the URL names. */
  readonly listener?: Listener;
  /** Releases what the listener stands on. */
  end?(): Promise<void>;
}

/** What is done with connections. */
export interface ConnectionsOptions extends Meeting {
  readonly url: URL;
  readonly rules: PeerRules;
  readonly clock?: Clock | undefined;
  /** Told for whom this end waits. */
  readonly notice?: ChannelOptions["notice"];
  /** Milliseconds that a peer to connect to may be away before `unreachable` is told. */
  readonly timeout?: number;
  /** Told once that the peer does not let this end in; no more is tried then. */
  refused?(error: TransportError): void;
  /** Told once that nobody was there for the timeout; no more is tried then. */
  unreachable?(error: TransportError): void;
  /** Peers that a listener has at a time, beside the strangers that have just connected. */
  readonly mostPeers: number;
  /**
   * Works on a connection until it is over, or others take care of it; never throws. Returns
   * whether it came to something: the next attempt follows soon then.
   *
   * @param signal aborted when no more connections are wanted
   */
  serve(guest: Guest, signal: AbortSignal): Promise<boolean>;
}

/** A connection, and what a listener must know of it. */
export interface Guest {
  readonly conn: Conn;
  /** It said something. */
  speak(): void;
  /** It is a peer; false where a listener has no place for another. */
  admit(): boolean;
  /** It came to nothing. */
  fail(error: unknown): void;
}

/** The pauses between two attempts, in milliseconds. */
const BACKOFF = { initial: 10, max: 1000 };

/** Connections, until stopped. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #abort = new AbortController();
  readonly #listener: Listener | undefined;
  /** The port that was chosen. */
  #port: number | undefined;
  readonly #serving = new Set<Promise<void>>();
  readonly #places: Places;
  readonly #running: Promise<void>;

  /** Starts at once; a listener has its port when this returns. */
  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#places = new Places(options.mostPeers);
    if (options.rules.listen) this.#listener = options.listener ?? this.#listen();
    this.#running = this.#listener ? this.#acceptAll(this.#listener) : this.#connectAgain();
  }

  /** The URL for the peer, with the port that was chosen. */
  get url(): string {
    const url = new URL(this.#options.url);
    if (this.#port) url.port = String(this.#port);
    return url.href;
  }

  /** Makes and accepts no more; those who serve see it by the signal. */
  end(): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    this.#listener?.close();
  }

  /** Ends, and waits for those who serve. */
  async stop(): Promise<void> {
    this.end();
    await Promise.all(this.#serving);
    await this.#running;
    await this.#options.end?.();
  }

  async #connectAgain(): Promise<void> {
    const { signal } = this.#abort;
    const { clock = systemClock, unreachable, refused, timeout = Infinity } = this.#options;
    const backoff = new Backoff(BACKOFF);
    let lostAt = clock.now();
    const waiting = new Waiting(this.#options.url, this.#options);
    onAbort(signal, () => waiting.end());
    const fail = (error: unknown) => void (waiting.cause = error);
    const admit = () => (waiting.end(), true);
    for await (const _ of attempts({ backoff, signal, clock })) {
      waiting.begin();
      const conn = await this.#connect(signal).catch(fail);
      const { cause: refusal } = waiting;
      if (!conn && refused && isRefusal(refusal)) {
        waiting.end();
        return refused(refusal);
      }
      const guest = conn && { conn, speak: () => {}, admit, fail };
      if (guest && await this.#options.serve(guest, signal)) {
        lostAt = clock.now();
        backoff.reset();
      }
      if (!unreachable || clock.now() - lostAt <= timeout) continue;
      const { cause } = waiting;
      waiting.end();
      return unreachable(awayFor(timeout, this.url, cause));
    }
  }

  #listen(): Listener {
    const listener = listen(this.#options);
    this.#port = (listener.addr as Deno.NetAddr).port;
    return listener;
  }

  #connect(signal: AbortSignal): Promise<Conn> {
    const either = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_TIMEOUT)]);
    return this.#options.dial?.(either) ?? connect(this.#options, either);
  }

  async #acceptAll(listener: Listener): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      // A failed TLS handshake is no connection, nor is a closed listener.
      const conn = await listener.accept().catch(() => undefined);
      if (!conn) await systemClock.sleep(1, signal).catch(ignoreAbort(signal));
      else this.#welcome(conn);
    }
  }

  #welcome(conn: Conn): void {
    const places = this.#places;
    places.come(conn);
    const guest = {
      conn,
      speak: () => places.speak(conn),
      admit: () => places.admit(conn),
      fail: () => {},
    };
    const serving: Promise<void> = this.#options.serve(guest, this.#abort.signal).then(() => {
      places.leave(conn);
      this.#serving.delete(serving);
    });
    this.#serving.add(serving);
  }
}

function isRefusal(error: unknown): error is TransportError {
  return error instanceof TransportError && error.code === "refused";
}

function awayFor(timeout: number, url: string, cause: unknown): TransportError {
  const text = `Cannot receive: nobody was at ${new URL(url).host} for ${timeout} ms: ${cause}`;
  return new TransportError("unreachable", text, { cause });
}

/** Milliseconds in which a connection is made. */
const CONNECT_TIMEOUT = 5000;

async function connect(
  { url, rules: { hostname, port, access: { tls } } }: ConnectionsOptions,
  signal: AbortSignal,
): Promise<Deno.Conn> {
  if (!tls) return await Deno.connect({ hostname, port, signal });
  const { cert, key } = tls;
  const caCerts = [...tls.caCerts ?? []];
  const conn = cert !== undefined && key !== undefined
    ? await Deno.connectTls({ hostname, port, caCerts, cert, key })
    : await Deno.startTls(await Deno.connect({ hostname, port, signal }), { hostname, caCerts });
  try {
    await abortable(conn.handshake(), signal);
    return conn;
  } catch (error) {
    conn.close();
    refuseUntrusted(error, url);
  }
}

function listen({ rules: { hostname, port, access: { tls } } }: ConnectionsOptions): Deno.Listener {
  if (!tls) return Deno.listen({ hostname, port });
  if (tls.cert === undefined || tls.key === undefined) {
    throw new TypeError("Cannot listen with TLS: tls.cert or tls.key is missing, expected both");
  }
  return Deno.listenTls({ hostname, port, cert: tls.cert, key: tls.key });
}
