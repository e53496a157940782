/**
 * HTTP by hand, for what no well-behaved client would send.
 *
 * @module
 */

/** What a server answered. */
export interface RawResponse {
  /** Status; 0 where nothing came. */
  readonly status: number;
  /** Everything that came, as text. */
  readonly text: string;
}

/** Writes text of characters up to U+00FF as bytes; a peer that has closed is no error. */
export async function writeAll(connection: Deno.Conn, text: string): Promise<void> {
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  try {
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  } catch (error) {
    if (
      !(error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset)
    ) {
      throw error;
    }
  }
}

/** Reads until the peer closes, or a text has come. */
export async function readUntil(connection: Deno.Conn, end?: string): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(64 * 1024);
  let text = "";
  while (end === undefined || !text.includes(end)) {
    const count = await connection.read(buffer).catch(() => null);
    if (count === null) break;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return text;
}

/** Sends a request as it stands, and reads until the server closes. */
export async function rawRequest(port: number, text: string): Promise<RawResponse> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await writeAll(connection, text);
  const answer = await readUntil(connection);
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0), text: answer };
}

/** A GET with headers of one's own choice. */
export function rawGet(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = "GET",
): Promise<RawResponse> {
  const all = { host: `127.0.0.1:${port}`, connection: "close", ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return rawRequest(port, `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
}

/** Headers of a WebSocket's request. */
export const UPGRADE = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};
