/**
 * The WebSockets of those who watch the page.
 *
 * @module
 */
import type { Hub } from "./hub.ts";

/** Where to serve, and to whom. */
export interface DashboardOptions {
  /** Address to listen on; 127.0.0.1 by default. */
  readonly hostname?: string;
  /** Port; any free one by default. */
  readonly port?: number;
  /** What a viewer must know; needed on any address that is not loopback. Empty is none. */
  readonly token?: string;
  /** Folder of the runs that the page may show; none by default. */
  readonly runs?: string;
  /** Whether the page shows plots; true by default. */
  readonly plot?: boolean;
  /** Told to the page: the model and its device. */
  readonly model?: string;
  /** Called where a viewer asks to quit; the page has that key only on loopback. */
  readonly onQuit?: () => void;
}

/** Bytes waiting for one viewer above which it gets no pictures. */
const SLOW_VIEWER = 512 * 1024;
/** Bytes waiting above which it is let go. */
const STUCK_VIEWER = 8 * 1024 * 1024;
/** How long a viewer may take to say goodbye. */
const GOODBYE_MS = 200;

/** Everybody's sockets. */
export class Viewers {
  readonly #hub: Hub;
  readonly #options: DashboardOptions;
  readonly #sockets = new Set<WebSocket>();

  /** Starts with nobody. */
  constructor(hub: Hub, options: DashboardOptions) {
    this.#hub = hub;
    this.#options = options;
  }

  /** Somebody who knows no token may quit only where all who can see the page sit here. */
  get #canQuit(): boolean {
    return !this.#options.token;
  }

  #greeting(): object {
    const { feeds, history } = this.#hub;
    const cameras = feeds.map(({ view, points, notes }) => ({ view, points, notes }));
    const { plot = true, model = "", runs } = this.#options;
    const hasRuns = runs !== undefined;
    return { type: "hello", cameras, plot, model, hasRuns, canQuit: this.#canQuit, history };
  }

  /** Serves a socket: text for changes, `[camera, JPEG…]` for pictures. */
  add(socket: WebSocket): void {
    this.#sockets.add(socket);
    let leave = () => {};
    const message = (value: object) => sendText(socket, value);
    const picture = (camera: number, jpeg: Uint8Array) => sendPicture(socket, camera, jpeg);
    socket.onopen = () => {
      message(this.#greeting());
      for (const { view, picture: last } of this.#hub.feeds) if (last) picture(view.id, last);
      leave = this.#hub.join({ message, picture });
    };
    socket.onclose = socket.onerror = () => {
      this.#sockets.delete(socket);
      leave();
    };
    socket.onmessage = ({ data }) => {
      if (this.#canQuit && data === "quit") this.#options.onQuit?.();
    };
  }

  /** Says goodbye to all. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) {
      if (socket.readyState === WebSocket.OPEN) socket.close(1001, "The watch has ended");
    }
    const end = performance.now() + GOODBYE_MS;
    while (this.#sockets.size > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

function sendText(socket: WebSocket, value: object): void {
  if (socket.readyState !== WebSocket.OPEN) return;
  if (socket.bufferedAmount > STUCK_VIEWER) socket.close();
  else socket.send(JSON.stringify(value));
}

/** Sends a picture to a viewer that keeps up. */
function sendPicture(socket: WebSocket, camera: number, jpeg: Uint8Array): void {
  if (socket.readyState !== WebSocket.OPEN || socket.bufferedAmount > SLOW_VIEWER) return;
  const message = new Uint8Array(jpeg.length + 1);
  message[0] = camera;
  message.set(jpeg, 1);
  socket.send(message);
}
