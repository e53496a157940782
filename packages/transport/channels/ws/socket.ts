/**
 * A WebSocket of the runtime as a connection: its messages are pieces of a stream of bytes.
 *
 * @module
 */
import { TransportError } from "../../errors.ts";
import { onAbort } from "../../flow/abort.ts";
import { Condition } from "../../flow/condition.ts";
import type { Conn } from "../../flow/places.ts";

/** The code of a connection that ended in order. */
const NORMAL = 1000;

/**
 * Connects.
 *
 * @throws {TransportError} `unreachable` where nobody is there, `refused` where the site does not let
 * this end in: of which a browser does not tell.
 */
export async function dialSocket(url: URL, signal: AbortSignal): Promise<Conn> {
  signal.throwIfAborted();
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const conn = new SocketConn(socket, url);
  const aborting = onAbort(signal, () => conn.close());
  try {
    await conn.opened;
    return conn;
  } finally {
    aborting[Symbol.dispose]();
  }
}

/** A WebSocket whose bytes are read as they are asked for. */
class SocketConn implements Conn {
  /** Fulfilled when the other end lets this one in. */
  readonly opened: Promise<void>;
  /** As the URL has it: a browser does not say more. */
  readonly remoteAddr: Deno.NetAddr;
  readonly #socket: WebSocket;
  readonly #pieces: Uint8Array[] = [];
  readonly #changed = new Condition();
  #isOver = false;

  constructor(socket: WebSocket, { hostname, port, host }: URL) {
    this.#socket = socket;
    this.remoteAddr = { transport: "tcp", hostname, port: Number(port) };
    const opened = Promise.withResolvers<void>();
    this.opened = opened.promise;
    socket.onopen = () => opened.resolve();
    socket.onmessage = ({ data }) => {
      // A peer of ours sends no text: it is over.
      if (data instanceof ArrayBuffer) this.#pieces.push(new Uint8Array(data));
      else socket.close();
      this.#changed.notify();
    };
    // What went wrong is told by Deno only; "close" follows.
    let reason = "";
    socket.onerror = (event) => {
      if ("message" in event) reason = `: ${event.message}`;
    };
    socket.onclose = () => {
      this.#isOver = true;
      const code = /status code: 40[134]/.test(reason) ? "refused" : "unreachable";
      const text = `Cannot connect to ${host}: found no WebSocket that lets this end in${reason}`;
      opened.reject(new TransportError(code, text));
      this.#changed.notify();
    };
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#pieces.length === 0) {
      if (this.#isOver) return null;
      await this.#changed.changed();
    }
    const piece = this.#pieces[0]!;
    const part = piece.subarray(0, into.length);
    into.set(part);
    if (part.length === piece.length) this.#pieces.shift();
    else this.#pieces[0] = piece.subarray(part.length);
    return part.length;
  }

  /** Hands bytes to the runtime: credits bound how many wait there. */
  write(bytes: Uint8Array): Promise<number> {
    if (this.#socket.readyState !== WebSocket.OPEN) {
      return Promise.reject(new TransportError("closed", "Cannot write: the WebSocket is closed"));
    }
    this.#socket.send(bytes.slice());
    return Promise.resolve(bytes.length);
  }

  /** Ends the connection behind what was written. */
  closeWrite(): Promise<void> {
    this.#socket.close(NORMAL);
    return Promise.resolve();
  }

  /** Ends the connection: what comes later is dropped. */
  close(): void {
    this.#isOver = true;
    this.#pieces.length = 0;
    this.#socket.close(NORMAL);
    this.#changed.notify();
  }
}
