/**
 * The end of a `ws:` channel that listens: at a path of a guarded site, of its own or a page's.
 *
 * @module
 */
import { Site } from "../../site/site.ts";
import { SocketListener } from "../../site/socket.ts";
import { withDefaults } from "../settings.ts";
import { openPeerReceiver, openPeerSender } from "../tcp/tcp.ts";
import type { ChannelOptions, ChannelSettings, Receiver, Sender } from "../types.ts";
import { openSocketReceiver, openSocketSender, readSocketRules, type SocketRules } from "./ws.ts";

/** Opens a sender, which connects unless its URL says `listen=true`. */
export async function openWsSender(url: URL, settings: ChannelSettings): Promise<Sender> {
  const rules = readSocketRules(url, false);
  if (!rules.listen) return openSocketSender(url, settings);
  const { at, listener, end } = await openSite(url, rules);
  return openPeerSender(at, rules, settings, { listener, end });
}

/** Opens a receiver, which listens unless its URL says `listen=false`. */
export async function openWsReceiver(url: URL, settings: ChannelSettings): Promise<Receiver> {
  const rules = readSocketRules(url, true);
  if (!rules.listen) return openSocketReceiver(url, settings);
  const { at, listener, end } = await openSite(url, rules);
  return openPeerReceiver(at, rules, settings, { listener, end });
}

/**
 * Opens a sender for whoever connects to a listener among a site's routes.
 *
 * @param url of that route, with the channel's parameters
 */
export function openSenderAt(
  url: URL,
  listener: SocketListener,
  options: ChannelOptions = {},
): Sender {
  return openPeerSender(url, readSocketRules(url, true), withDefaults(options), { listener });
}

/**
 * Opens a receiver for whoever connects to a listener among a site's routes.
 *
 * @param url of that route, with the channel's parameters
 */
export function openReceiverAt(
  url: URL,
  listener: SocketListener,
  options: ChannelOptions = {},
): Receiver {
  return openPeerReceiver(url, readSocketRules(url, true), withDefaults(options), { listener });
}

/** A site with nothing but a listener. */
async function openSite(url: URL, { hostname, port, token, names }: SocketRules) {
  if (url.protocol === "wss:") {
    throw new RangeError(
      `Cannot listen at ${url.host}: found wss:, expected ws: behind a proxy that speaks TLS`,
    );
  }
  const listener = new SocketListener();
  const routes = { [`GET ${url.pathname}`]: listener };
  const site = await Site.open({ routes, hostname, port, names, ...(token && { token }) });
  const at = new URL(url);
  at.port = String(site.port);
  const made = new URL(site.url).searchParams.get("token");
  if (made !== null) at.searchParams.set("token", made);
  return { at, listener, end: () => site[Symbol.asyncDispose]() };
}
