/**
 * What a page follows over a WebSocket: frames as they come and, between them, states as JSON. A
 * page that does not keep up misses frames; it never holds anything back.
 *
 * A frame is a binary message: index (u32), columns (u16), rows (u16), the time of capture in
 * milliseconds since 1970 (f64), all little-endian, then RGB.
 *
 * @module
 */

/** A frame for the page. */
export interface LiveFrame {
  /** Number of the frame in its stream. */
  readonly index: number;
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Milliseconds since 1970. */
  readonly capturedAt: number;
  /** RGB. */
  readonly data: Uint8Array;
}

/** Bytes that may wait for a slow page before it misses frames. */
const WAITING = 1 << 20;
const HEADER = 16;

/** All pages that follow. */
export class LiveFeed {
  readonly #sockets = new Set<WebSocket>();

  /** Takes a page's request to follow. */
  upgrade(request: Request): Response {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#sockets.add(socket);
    socket.onclose = () => this.#sockets.delete(socket);
    socket.onerror = () => this.#sockets.delete(socket);
    return response;
  }

  /** Sends a frame to every page that keeps up. */
  frame({ index, width, height, capturedAt, data }: LiveFrame): void {
    if (this.#sockets.size === 0) return;
    const bytes = new Uint8Array(HEADER + data.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, index, true);
    view.setUint16(4, width, true);
    view.setUint16(6, height, true);
    view.setFloat64(8, capturedAt, true);
    bytes.set(data, HEADER);
    this.#send(bytes.buffer);
  }

  /** Sends a state to every page. */
  state(state: object): void {
    this.#send(JSON.stringify(state));
  }

  #send(message: ArrayBuffer | string): void {
    for (const socket of this.#sockets) {
      if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < WAITING) {
        socket.send(message);
      }
    }
  }

  /** Lets all pages go. */
  close(): void {
    for (const socket of this.#sockets) socket.close();
    this.#sockets.clear();
  }
}
