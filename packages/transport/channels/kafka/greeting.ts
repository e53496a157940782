/**
 * A question to a broker that speaks TLS, before the client asks its own. In TLS 1.3 a server says
 * after the handshake that it misses a certificate, or does not trust it. The client tells nothing
 * of that but a closed connection, which is tried again; here the server's alert is heard.
 *
 * @module
 */
import { once } from "node:events";
import { isIP } from "node:net";
import { connect } from "node:tls";
import { answered } from "../broker_feed.ts";
import { type Access, nodeTls } from "../reach/access.ts";

/** Which versions of commands it has: answered before a user has said who it is. */
const QUESTION = Uint8Array.of(0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 255, 255);

/**
 * Waits for the broker's answer.
 *
 * @throws {Error} in the words of the system, of TLS or of the broker's alert.
 */
export async function greet(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  tls: NonNullable<Access["tls"]>,
): Promise<void> {
  const name = isIP(hostname) ? {} : { servername: hostname };
  const socket = connect({ host: hostname, port, ...name, ...nodeTls(tls) });
  // The errors of a socket that was given up end the process where nobody listens.
  socket.on("error", () => {});
  const closed = once(socket, "close").then(() => {
    throw new Error("the broker closes the connection");
  });
  try {
    // Written once the handshake is done.
    socket.write(QUESTION);
    await answered("a greeting", Promise.race([once(socket, "data"), closed]));
  } finally {
    socket.destroy();
  }
}
