/**
 * How the client of NATS talks to its server: over a connection of Deno. The client's own transport
 * takes the listeners off a socket that it destroys, and the error that then comes ends the process.
 *
 * @module
 */
import { writeAll } from "../../io/write_all.ts";

const CHUNK = 64 * 1024;

/** One connection, by the interface that the client asks of a transport. */
export class NatsTransport {
  /** What the server is told about the client. */
  readonly lang = "deno";
  /** As above. */
  readonly version = Deno.version.deno;
  /** Why the connection was lost. */
  closeError?: Error;
  readonly #closed = Promise.withResolvers<void>();
  #conn: Deno.TcpConn | undefined;
  #tail = Promise.resolve();
  #isClosed = false;

  /** Whether nothing can be sent any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Connects; a transport that was given up meanwhile closes what it gets. */
  async connect({ hostname, port }: { hostname: string; port: number }): Promise<void> {
    const conn = await Deno.connect({ hostname, port });
    if (this.#isClosed) return conn.close();
    conn.setNoDelay(true);
    this.#conn = conn;
  }

  /** What comes, until the connection is over. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    const chunk = new Uint8Array(CHUNK);
    try {
      for (;;) {
        const count = await this.#conn?.read(chunk);
        if (count === null || count === undefined) return;
        // A copy: the client keeps pieces of what it gets.
        yield chunk.slice(0, count);
      }
    } catch (error) {
      if (error instanceof Error) this.closeError ??= error;
    } finally {
      this.discard();
    }
  }

  /** Sends; where that fails the connection is over, which reading finds. */
  send(frame: Uint8Array): void {
    const conn = this.#conn;
    if (conn && !this.#isClosed) {
      this.#tail = this.#tail.then(() => writeAll(conn, frame)).catch(() => {});
    }
  }

  /** Whether TLS is spoken. */
  isEncrypted(): boolean {
    return false;
  }

  /** Fulfilled when the connection is over. */
  closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Hangs up. */
  close(error?: Error): Promise<void> {
    if (error) this.closeError ??= error;
    this.discard();
    return Promise.resolve();
  }

  /** Hangs up. */
  disconnect(): void {
    this.discard();
  }

  /** Hangs up. */
  discard(): void {
    this.#isClosed = true;
    const conn = this.#conn;
    this.#conn = undefined;
    this.#closed.resolve();
    try {
      conn?.close();
    } catch {
      // Closed by the runtime already.
    }
  }
}
