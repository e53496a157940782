/**
 * The `ws:` and `wss:` channels: the frames of `tcp:` over a WebSocket, with its credits, its
 * acknowledgements and its resumption. The end that connects is here and runs in browsers, too; the
 * one that listens is in `listen.ts`.
 *
 * @module
 */
import type { PeerRules } from "../connections.ts";
import { readSettings, withDefaults } from "../settings.ts";
import { openPeerReceiver, openPeerSender } from "../tcp/tcp.ts";
import type { ChannelOptions, Receiver, Sender } from "../types.ts";
import { dialSocket } from "./socket.ts";

/** What the URL of an end says. */
export interface SocketRules extends PeerRules {
  /** What a viewer of the site must know; empty where nothing is said. */
  readonly token: string;
  /** Further hosts, with their ports, by which clients reach a listener: those of proxies. */
  readonly names: readonly string[];
}

/** Reads the URL of an end, which listens, or does not, where the URL says nothing. */
export function readSocketRules(url: URL, listens: boolean): SocketRules {
  const defaultPort = url.protocol === "wss:" ? 443 : 80;
  return readSettings(url, (read) => ({
    hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? defaultPort : Number(url.port),
    credits: read.count("credits", 3),
    listen: read.flag("listen", listens),
    heartbeat: read.count("heartbeat", 5000),
    token: read.text("token", ""),
    names: read.text("names", "").split(",").filter(Boolean),
  }));
}

/** Where an end connects to: our parameters stay here. */
function addressOf(url: URL, { token }: SocketRules): URL {
  const address = new URL(url.pathname, url);
  if (token !== "") address.searchParams.set("token", token);
  return address;
}

/** Refuses to listen where only connecting is possible. */
function connecting(url: URL): SocketRules {
  const rules = readSocketRules(url, false);
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
  const rules = connecting(parsed);
  const dial = (signal: AbortSignal) => dialSocket(addressOf(parsed, rules), signal);
  return openPeerSender(parsed, rules, withDefaults(options), { dial });
}

/**
 * Opens a receiver that connects to a listening sender.
 *
 * @throws {RangeError} where a parameter of the URL is unknown or wrong.
 */
export function openSocketReceiver(url: URL | string, options: ChannelOptions = {}): Receiver {
  const parsed = new URL(url);
  const rules = connecting(parsed);
  const dial = (signal: AbortSignal) => dialSocket(addressOf(parsed, rules), signal);
  return openPeerReceiver(parsed, rules, withDefaults(options), { dial });
}
