/**
 * The answer to a request for a WebSocket.
 *
 * @module
 */
import type { Socket } from "node:net";
import { SiteError } from "./error.ts";
import { acceptKey } from "./frames.ts";

/** What a site does with WebSockets at a path. */
export interface UpgradeRoute {
  /**
   * Takes a connection whose request has passed the guard.
   *
   * @throws {SiteError} where it is not served
   */
  take(headers: Headers, socket: Socket): void;
  /** Ends what it can: the site is closed. */
  close(): void;
}

/**
 * Refuses what is no request for a WebSocket.
 *
 * @throws {SiteError} `bad-request`
 */
export function keyOfUpgrade(headers: Headers): string {
  const key = headers.get("sec-websocket-key") ?? "";
  if (/^[\w+/]{22}==$/.test(key) && headers.get("sec-websocket-version") === "13") return key;
  throw new SiteError("bad-request", "A WebSocket of version 13 is expected here");
}

/**
 * Makes a WebSocket of a connection.
 *
 * @throws {SiteError} `bad-request`
 */
export function acceptUpgrade(headers: Headers, socket: Socket): void {
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${acceptKey(keyOfUpgrade(headers))}\r\n\r\n`,
  );
}
