/**
 * Relays a sender's feed, so that the page connects only to the site that serves it.
 *
 * @module
 */
import { systemClock } from "@vcs/transport/portable";
import type { Feed } from "@vcs/transport/internal";

/** Milliseconds between two attempts to connect to a sender. */
const RECONNECT_MS = 1000;

/** The WebSocket of a sender's page, such as `http://host:8415/?token=…`. */
function feedOf(page: string): URL {
  const url = new URL("/feed", page.replace(/^http/, "ws"));
  url.search = new URL(page).search;
  return url;
}

/** Follows a sender until its connection ends. */
function follow(url: URL, feed: Feed, signal: AbortSignal): Promise<void> {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => {
    if (typeof data === "string") feed.send(data, "state");
    else feed.send(new Uint8Array(data as ArrayBuffer));
  };
  const close = () => socket.close();
  signal.addEventListener("abort", close, { once: true });
  return new Promise((resolve) => {
    socket.onclose = () => {
      signal.removeEventListener("abort", close);
      resolve();
    };
  });
}

/**
 * Relays a sender's feed until stopped; reconnects when the connection ends.
 *
 * @param page URL that the sender printed
 */
export async function relay(page: string, feed: Feed, signal: AbortSignal): Promise<void> {
  const url = feedOf(page);
  while (!signal.aborted) {
    await follow(url, feed, signal);
    await systemClock.sleep(RECONNECT_MS, signal).catch(() => {});
  }
}
