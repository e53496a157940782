/**
 * The `ws:` and `wss:` channels: the frames of `tcp:` over a WebSocket, with its credits, its
 * acknowledgements and its resumption. The end that connects is here and runs in browsers, too; the
 * one that listens is in `listen.ts`.
 *
 * @module
 */
import type { PeerRules } from "../connections.ts";
import { defined } from "../../io/defined.ts";
import type { Access } from "../reach/access.ts";
import { readSettings, type UrlSettings, withDefaults } from "../settings.ts";
import { openPeerReceiver, openPeerSender } from "../tcp/tcp.ts";
import type { ChannelOptions, ChannelSettings, Receiver, Sender } from "../types.ts";
import { dialSocket } from "./socket.ts";

/** What the URL of an end says. */
export interface SocketRules extends PeerRules {
  /** What a viewer of the site must know; empty where nothing is said. */
  readonly token: string;
  /** Further hosts, with their ports, by which clients reach a listener: those of proxies. */
  readonly names: readonly string[];
}

/**
 * Reads the URL of an end, which listens, or does not, where the URL says nothing.
 *
 * @param accessOf what is known beside the URL's own parameters
 */
export function readSocketRules(
  url: URL,
  listens: boolean,
  accessOf: (read: UrlSettings) => Access,
): SocketRules {
  const defaultPort = url.protocol === "wss:" ? 443 : 80;
  return readSettings(url, (read) => {
    const access = accessOf(read);
    return {
      hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
      port: url.port === "" ? defaultPort : Number(url.port),
      credits: read.count("credits", 3),
      listen: read.flag("listen", listens),
      heartbeat: read.count("heartbeat", 5000),
      token: read.text("token", access.token ?? ""),
      names: read.text("names", "").split(",").filter(Boolean),
      access,
    };
  });
}

/** Where an end connects to: our parameters stay here. */
function addressOf(url: URL, { token }: SocketRules): URL {
  const address = new URL(url.pathname, url);
  if (token !== "") address.searchParams.set("token", token);
  return address;
}

/** A sender that connects. */
export function connectSender(url: URL, rules: SocketRules, settings: ChannelSettings): Sender {
  const dial = (signal: AbortSignal) => dialSocket(addressOf(url, rules), signal);
  return openPeerSender(url, rules, settings, { dial });
}

/** A receiver that connects. */
export function connectReceiver(url: URL, rules: SocketRules, settings: ChannelSettings): Receiver {
  const dial = (signal: AbortSignal) => dialSocket(addressOf(url, rules), signal);
  return openPeerReceiver(url, rules, settings, { dial });
}

/** Refuses to listen where only connecting is possible. */
function connecting(url: URL, { secret }: ChannelOptions): SocketRules {
  const rules = readSocketRules(url, false, () => defined({ secret }));
  if (!rules.listen) return rules;
  throw new RangeError(`Cannot listen at ${url.host}: this end can only connect`);
}

/**
 * Opens a sender that connects to a listening receiver.
 *
 * @throws {RangeError} where a parameter of the URL is unknown or wrong.
 */
export function openSocketSender(url: URL | string, options: ChannelOptions = {}): Sender {
  const parsed = new URL(url);
  return connectSender(parsed, connecting(parsed, options), withDefaults(options));
}

/**
 * Opens a receiver that connects to a listening sender.
 *
 * @throws {RangeError} where a parameter of the URL is unknown or wrong.
 */
export function openSocketReceiver(url: URL | string, options: ChannelOptions = {}): Receiver {
  const parsed = new URL(url);
  return connectReceiver(parsed, connecting(parsed, options), withDefaults(options));
}
