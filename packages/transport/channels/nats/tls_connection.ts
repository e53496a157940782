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
  const { tls_required, tls_available } = JSON.parse(info.slice("INFO ".length));
  if (!tls_required && !tls_available) {
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

async function firstLine(socket: Socket): Promise<string> {
  let text = "";
  while (!text.includes("\r\n")) {
    const [chunk] = await once(socket, "data") as [Uint8Array];
    text += new TextDecoder().decode(chunk);
  }
  socket.pause();
  return text.slice(0, text.indexOf("\r\n"));
}
