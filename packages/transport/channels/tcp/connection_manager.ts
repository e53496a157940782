/**
 * Keeps one link of the `tcp:` channel open: reconnects whenever it is lost, or listens and accepts
 * one peer at a time.
 *
 * @module
 */
import type { ChannelSettings } from "../types.ts";
import { ignoreAbort } from "../../flow/abort.ts";
import { systemClock } from "../../flow/clock.ts";
import { attempts, Backoff } from "../../flow/retry.ts";
import { handshake, type Hello, type Link, RefusedError } from "./link.ts";

/** Which link is kept open, and for whom. */
export interface ConnectionManagerOptions {
  readonly hostname: string;
  readonly port: number;
  readonly listen: boolean;
  readonly heartbeat: number;
  readonly settings: ChannelSettings;
  /** How this end introduces itself, now. */
  hello(): Hello;
  /** Works on a link until it closes; an error closes it. */
  use(link: Link): Promise<void>;
  /** The peer refuses this end for good. */
  refused(error: RefusedError): void;
}

/** The pauses between two attempts, in milliseconds. */
const BACKOFF = { initial: 10, max: 1000 };
/** Handshakes that a listener has open at a time. */
const MAX_HANDSHAKES = 16;

/** One link, kept open until stopped. */
export class ConnectionManager {
  readonly #options: ConnectionManagerOptions;
  readonly #abort = new AbortController();
  readonly #listener: Deno.Listener | undefined;
  #current: { link: Link; done: Promise<void> } | undefined;
  #handshakes = 0;
  #running: Promise<void>;

  /** Starts at once; a listener has its port when this returns. */
  constructor(options: ConnectionManagerOptions) {
    this.#options = options;
    this.#listener = options.listen ? listen(options) : undefined;
    this.#running = this.#listener ? this.#acceptAll(this.#listener) : this.#connectAgain();
  }

  /** The port that is listened on or connected to. */
  get port(): number {
    return (this.#listener?.addr as Deno.NetAddr | undefined)?.port ?? this.#options.port;
  }

  /** Sends some last frames, says goodbye and stops. */
  async stop(last: Uint8Array[] = []): Promise<void> {
    this.#abort.abort();
    this.#listener?.close();
    const { link, done } = this.#current ?? {};
    await link?.end(last);
    await done;
    await this.#running;
  }

  async #connectAgain(): Promise<void> {
    const backoff = new Backoff(BACKOFF);
    const { clock } = this.#options.settings;
    for await (const _ of attempts({ backoff, signal: this.#abort.signal, clock })) {
      try {
        const link = await this.#connect();
        backoff.reset();
        await this.#work(link);
      } catch (error) {
        if (error instanceof RefusedError && error.reason !== "busy") {
          return this.#options.refused(error);
        }
      }
    }
  }

  async #connect(): Promise<Link> {
    const { hostname, port, settings } = this.#options;
    const { signal } = this.#abort;
    const conn = await Deno.connect({ hostname, port, signal });
    if (!settings.tls) return await handshake(conn, "connector", this.#linkOptions());
    const caCerts = [...settings.tls.caCerts ?? []];
    const safe = await Deno.startTls(conn, { hostname, caCerts });
    return await handshake(safe, "connector", this.#linkOptions());
  }

  async #acceptAll(listener: Deno.Listener): Promise<void> {
    while (!this.#stopped) {
      let conn: Deno.Conn;
      try {
        conn = await listener.accept();
      } catch {
        // A failed TLS handshake, or the listener was closed.
        const { signal } = this.#abort;
        await systemClock.sleep(1, signal).catch(ignoreAbort(signal));
        continue;
      }
      if (this.#handshakes >= MAX_HANDSHAKES) conn.close();
      else void this.#admit(conn);
    }
  }

  async #admit(conn: Deno.Conn): Promise<void> {
    this.#handshakes++;
    try {
      const link = await handshake(conn, "listener", this.#linkOptions());
      if (!await this.#takeTurn(link)) await link.refuse("busy");
    } catch {
      // Whoever connected failed the handshake.
    } finally {
      this.#handshakes--;
    }
  }

  /** One peer at a time; the same one may reconnect before its loss is noticed. */
  async #takeTurn(link: Link): Promise<boolean> {
    const current = this.#current;
    if (current?.link.peer.id === link.peer.id) {
      current.link[Symbol.dispose]();
      await current.done;
    }
    if (this.#stopped || this.#current !== undefined) return false;
    // The turn is taken before the first await: another peer may come meanwhile.
    void this.#work(link, () => link.welcome());
    return true;
  }

  #work(link: Link, begin = () => Promise.resolve()): Promise<void> {
    const done = this.#use(link, begin);
    this.#current = { link, done };
    return done;
  }

  async #use(link: Link, begin: () => Promise<void>): Promise<void> {
    try {
      await begin();
      await this.#options.use(link);
    } catch {
      // The link is lost or the peer broke the protocol; what was in flight is sent again.
    } finally {
      link[Symbol.dispose]();
      this.#current = undefined;
    }
  }

  #linkOptions() {
    const { settings, heartbeat } = this.#options;
    const { secret, maxPayload } = settings;
    const { signal } = this.#abort;
    return { hello: this.#options.hello(), secret, maxPayload, heartbeat, signal };
  }

  get #stopped(): boolean {
    return this.#abort.signal.aborted;
  }
}

function listen({ hostname, port, settings }: ConnectionManagerOptions): Deno.Listener {
  const { tls } = settings;
  if (!tls) return Deno.listen({ hostname, port });
  if (tls.cert === undefined || tls.key === undefined) {
    throw new TypeError("Cannot listen with TLS: tls.cert or tls.key is missing, expected both");
  }
  return Deno.listenTls({ hostname, port, cert: tls.cert, key: tls.key });
}
