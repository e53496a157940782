/**
 * WebSockets of a site as connections: what a client sends in binary messages is a stream of bytes,
 * which comes no faster than it is read.
 *
 * @module
 */
import type { Socket } from "node:net";
import { Condition } from "../flow/condition.ts";
import type { Conn } from "../flow/places.ts";
import { ClientStream } from "./client_stream.ts";
import { CLOSE, closeFrame, encodeFrame, FrameError, OPCODE } from "./frames.ts";
import { acceptUpgrade } from "./upgrade.ts";

/** Bytes that wait unread before the client has to wait. */
const MOST_WAITING = 256 * 1024;
/** Connections that wait to be accepted. */
const MOST_CONNECTED = 64;

/** Listens at a path of a site, among whose routes it stands. */
export class SocketListener {
  readonly #waiting: SocketConn[] = [];
  readonly #changed = new Condition();
  #isClosed = false;

  /** Takes a connection whose request has passed the guard. */
  take(headers: Headers, socket: Socket): void {
    if (this.#isClosed || this.#waiting.length >= MOST_CONNECTED) return void socket.destroy();
    acceptUpgrade(headers, socket);
    this.#waiting.push(new SocketConn(socket));
    this.#changed.notify();
  }

  /** The next connection. */
  async accept(): Promise<Conn> {
    for (;;) {
      const conn = this.#waiting.shift();
      if (conn) return conn;
      if (this.#isClosed) throw new Deno.errors.BadResource("Cannot accept: found it closed");
      await this.#changed.changed();
    }
  }

  /** Takes no more connections. */
  close(): void {
    this.#isClosed = true;
    for (const conn of this.#waiting.splice(0)) conn.close();
    this.#changed.notify();
  }
}

/** A connection to one client. */
class SocketConn implements Conn {
  readonly remoteAddr: Deno.NetAddr;
  readonly #socket: Socket;
  readonly #stream = new ClientStream();
  readonly #pieces: Uint8Array[] = [];
  readonly #changed = new Condition();
  #waiting = 0;
  #isOver = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    const { remoteAddress: hostname = "", remotePort: port = 0 } = socket;
    this.remoteAddr = { transport: "tcp", hostname, port };
    const end = () => this.#end();
    socket.setNoDelay(true);
    socket.on("data", (bytes: Uint8Array) => this.#take(bytes));
    socket.on("error", () => socket.destroy());
    socket.on("end", end);
    socket.on("close", end);
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
    this.#waiting -= part.length;
    if (this.#waiting < MOST_WAITING) this.#socket.resume();
    return part.length;
  }

  write(bytes: Uint8Array): Promise<number> {
    const frame = encodeFrame(OPCODE.binary, bytes);
    return new Promise((resolve, reject) => {
      this.#socket.write(frame, (error) => error ? reject(error) : resolve(bytes.length));
    });
  }

  closeWrite(): Promise<void> {
    if (!this.#socket.writableEnded) this.#socket.end(closeFrame(CLOSE.normal));
    return Promise.resolve();
  }

  close(): void {
    this.#socket.destroy();
    this.#pieces.length = 0;
    this.#end();
  }

  #end(): void {
    this.#isOver = true;
    this.#changed.notify();
  }

  #take(bytes: Uint8Array): void {
    try {
      for (const { opcode, payload } of this.#stream.take(bytes)) this.#obey(opcode, payload);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#socket.end(closeFrame(error.code));
      this.#end();
    }
    if (this.#waiting >= MOST_WAITING) this.#socket.pause();
    this.#changed.notify();
  }

  #obey(opcode: number, payload: Uint8Array): void {
    if (opcode === OPCODE.close) {
      void this.closeWrite();
      this.#end();
    } else if (opcode === OPCODE.ping) {
      if (!this.#socket.writableEnded) this.#socket.write(encodeFrame(OPCODE.pong, payload));
    } else if (opcode === OPCODE.binary && payload.length > 0) {
      this.#pieces.push(payload);
      this.#waiting += payload.length;
    }
  }
}
