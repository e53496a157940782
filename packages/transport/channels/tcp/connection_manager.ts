/**
 * Keeps one link of the `tcp:` channel open, with one peer at a time.
 *
 * @module
 */
import type { ChannelSettings } from "../types.ts";
import type { TransportError } from "../../errors.ts";
import { Connections, type Guest, type Meeting, type PeerRules } from "../connections.ts";
import { handshake, type Hello, type Link, RefusedError } from "./link.ts";

/** Which link is kept open, and for whom. */
export interface ConnectionManagerOptions {
  readonly url: URL;
  readonly rules: PeerRules;
  readonly settings: ChannelSettings;
  /** How the ends meet. Default: by TCP. */
  readonly meeting?: Meeting;
  /** How this end introduces itself, now. */
  hello(): Hello;
  /** Works on a link until it closes; an error closes it. */
  use(link: Link): Promise<void>;
  /** The peer refuses this end for good. */
  refused(error: TransportError): void;
  /** Told once that the peer to connect to was away for the whole timeout. */
  unreachable?(error: TransportError): void;
}

/** Ends that have shaken hands and wait for their turn. */
const MAX_WAITING = 16;

/** One link, kept open until stopped. */
export class ConnectionManager {
  readonly #options: ConnectionManagerOptions;
  readonly #connections: Connections;
  #current: { link: Link; done: Promise<void> } | undefined;

  /** Starts at once; a listener has its port when this returns. */
  constructor(options: ConnectionManagerOptions) {
    this.#options = options;
    const { url, rules, settings: { tls, clock, timeout }, unreachable, meeting } = options;
    this.#connections = new Connections({
      ...{ url, rules, clock, timeout, mostPeers: MAX_WAITING },
      ...(unreachable && { unreachable }),
      ...(tls && { tls }),
      ...meeting,
      refused: (error) => options.refused(error),
      serve: (...guest) => rules.listen ? this.#admit(...guest) : this.#serve(...guest),
    });
  }

  /** The URL for the peer, with the port that was chosen. */
  get url(): string {
    return this.#connections.url;
  }

  /** Sends some last frames, says goodbye and stops. */
  async stop(last: Uint8Array[] = []): Promise<void> {
    this.#connections.end();
    const { link, done } = this.#current ?? {};
    await link?.end(last);
    await done;
    await this.#connections.stop();
  }

  async #serve(guest: Guest, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#work(await this.#handshake(guest, "connector", signal));
      return true;
    } catch (error) {
      if (error instanceof RefusedError && error.reason !== "busy") {
        this.#connections.end();
        this.#options.refused(error);
      }
      return false;
    }
  }

  async #admit(guest: Guest, signal: AbortSignal): Promise<boolean> {
    try {
      const link = await this.#handshake(guest, "listener", signal);
      if (guest.admit() && await this.#takeTurn(link, signal)) return true;
      await link.refuse("busy");
    } catch {
      // Whoever connected failed the handshake.
    }
    return false;
  }

  /** One peer at a time; the same one may reconnect before its loss is noticed. */
  async #takeTurn(link: Link, signal: AbortSignal): Promise<boolean> {
    const current = this.#current;
    if (current?.link.peer.id === link.peer.id) {
      current.link[Symbol.dispose]();
      await current.done;
    }
    if (signal.aborted || this.#current !== undefined) return false;
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

  #handshake(
    { conn, speak }: Guest,
    end: "connector" | "listener",
    signal: AbortSignal,
  ): Promise<Link> {
    const { settings: { secret, maxPayload }, rules: { heartbeat } } = this.#options;
    const hello = this.#options.hello();
    return handshake(conn, end, { hello, secret, maxPayload, heartbeat, signal, heard: speak });
  }
}
