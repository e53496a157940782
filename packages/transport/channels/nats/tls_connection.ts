/**
 * A connection over which TLS begins after the server's first line, as NATS speaks it. Node's
 * sockets can do so with a certificate of the client's, which `Deno.startTls` cannot.
 *
 * @module
 */
import { once } from "node:events";
import { connect as dial, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { TransportError } from "../../errors.ts";
import { type Access, nodeTls } from "../reach/access.ts";

/** Letters of a server's first line, at most. */
const LONGEST_LINE = 64 * 1024;

/** What the client needs of a connection. */
export interface NatsConn {
  /** What comes, until the peer is done. */
  chunks(): AsyncIterable<Uint8Array>;
  /** Writes all. */
  write(bytes: Uint8Array): Promise<void>;
  close(): void;
}

/** Where the server is. */
export interface NatsAddress {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Connects, reads the server's first line, and goes on in TLS.
 *
 * @throws {TransportError} `refused` where the server does not speak TLS.
 */
export async function connectWithTls(
  { hostname, port }: NatsAddress,
  tls: NonNullable<Access["tls"]>,
): Promise<NatsConn> {
  const plain = dial({ host: hostname, port, noDelay: true });
  // The errors of a socket that was given up end the process where nobody listens.
  plain.on("error", () => {});
  await once(plain, "connect");
  const info = await firstLine(plain);
  if (!speaksTls(info)) {
    plain.destroy();
    throw new TransportError("refused", `Cannot connect to ${hostname}: NATS has no TLS there`);
  }
  const socket = connectTls({ socket: plain, servername: hostname, ...nodeTls(tls) });
  socket.on("error", () => plain.destroy());
  await once(socket, "secureConnect");
  return {
    async *chunks() {
      yield new TextEncoder().encode(`${info}\r\n`);
      yield* socket as AsyncIterable<Uint8Array>;
    },
    write: (bytes) =>
      new Promise((resolve, reject) =>
        socket.write(bytes, (error) => error ? reject(error) : resolve())
      ),
    close: () => void socket.destroy(),
  };
}

/** What comes up to the end of a line; less where the server ends before, or says too much. */
function firstLine(socket: Socket): Promise<string> {
  let text = "";
  const { promise, resolve } = Promise.withResolvers<string>();
  const done = () => {
    socket.off("data", take).off("close", done).pause();
    resolve(text.slice(0, Math.max(0, text.indexOf("\r\n"))));
  };
  const take = (chunk: Uint8Array) => {
    text += new TextDecoder().decode(chunk);
    if (text.includes("\r\n") || text.length > LONGEST_LINE) done();
  };
  socket.on("data", take).on("close", done);
  return promise;
}

/** Whether a server's first line is one of NATS with TLS. */
function speaksTls(line: string): boolean {
  try {
    const { tls_required, tls_available } = Object(JSON.parse(line.replace(/^INFO /, "")));
    return Boolean(tls_required || tls_available);
  } catch {
    return false;
  }
}
