/**
 * How the client of NATS talks to its server: over a connection of Deno. The client's own transport
 * takes the listeners off a socket that it destroys, and the error that then comes ends the process.
 *
 * @module
 */
import { writeAll } from "../../io/write_all.ts";
import type { Access } from "../reach/access.ts";
import { connectWithTls, type NatsAddress, type NatsConn } from "./tls_connection.ts";

const CHUNK = 64 * 1024;
/** How a server begins. */
const GREETING = "INFO ";

/** One connection, by the interface that the client asks of a transport. */
export class NatsTransport {
  /** What the server is told about the client. */
  readonly lang = "deno";
  /** As above. */
  readonly version = Deno.version.deno;
  /** Why the connection was lost. */
  closeError?: Error;
  readonly #closed = Promise.withResolvers<void>();
  readonly #tls: Access["tls"];
  #conn: NatsConn | undefined;
  #tail = Promise.resolve();
  #isClosed = false;

  /** Speaks TLS where there are options for it. */
  constructor(tls: Access["tls"]) {
    this.#tls = tls;
  }

  /** Whether nothing can be sent any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Connects; a transport that was given up meanwhile closes what it gets. */
  async connect(address: NatsAddress): Promise<void> {
    const conn = this.#tls
      ? await connectWithTls(address, this.#tls)
      : await connectPlainly(address);
    if (this.#isClosed) return conn.close();
    this.#conn = conn;
  }

  /** What comes, until the connection is over. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* greeted(this.#conn?.chunks() ?? []);
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
      this.#tail = this.#tail.then(() => conn.write(frame)).catch(() => {});
    }
  }

  /** Whether TLS is spoken. */
  isEncrypted(): boolean {
    return this.#tls !== undefined;
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

/** A server's bytes. The client writes to standard output what it cannot parse. */
async function* greeted(
  chunks: AsyncIterable<Uint8Array> | readonly Uint8Array[],
): AsyncGenerator<Uint8Array, void, void> {
  let isFirst = true;
  for await (const chunk of chunks) {
    const start = new TextDecoder().decode(chunk.subarray(0, GREETING.length));
    if (isFirst && !GREETING.startsWith(start)) throw new Error("who answers does not speak NATS");
    isFirst = false;
    yield chunk;
  }
}

async function connectPlainly({ hostname, port }: NatsAddress): Promise<NatsConn> {
  const conn = await Deno.connect({ hostname, port });
  conn.setNoDelay(true);
  return {
    async *chunks() {
      const chunk = new Uint8Array(CHUNK);
      for (let count; (count = await conn.read(chunk)) !== null;) {
        // A copy: the client keeps pieces of what it gets.
        yield chunk.slice(0, count);
      }
    },
    write: (frame) => writeAll(conn, frame),
    close: () => conn.close(),
  };
}
