/**
 * A web server that misbehaves on purpose: each connection is answered by the next script, which
 * writes raw bytes, so that it can stall, cut off and lie as real servers do.
 */
import { writeAll } from "@vcs/transport/internal";

/** Answers one request by writing raw bytes. */
export type Script = (request: Request, write: (data: string | Uint8Array) => Promise<void>) =>
  | void
  | Promise<void>;

/** What was asked for. */
export interface Request {
  method: string;
  path: string;
  headers: Headers;
  /** Fulfilled when the client has gone. */
  left: Promise<void>;
}

async function readRequest(conn: Deno.Conn): Promise<Request> {
  const buffer = new Uint8Array(8192);
  let text = "";
  while (!text.includes("\r\n\r\n")) {
    const n = await conn.read(buffer);
    if (n === null) throw new Error("closed");
    text += new TextDecoder().decode(buffer.subarray(0, n));
  }
  const [first, ...lines] = text.split("\r\n\r\n")[0]!.split("\r\n");
  const [method, path] = first!.split(" ");
  const headers = new Headers(
    lines.map((l): [string, string] => [l.split(":")[0]!, l.slice(l.indexOf(":") + 1).trim()]),
  );
  const left = conn.read(buffer).then(() => {}, () => {});
  return { method: method!, path: path!, headers, left };
}

/** A server on a port of its own; scripts are used up in order, the last one stays. */
export class FaultyServer implements AsyncDisposable {
  readonly requests: Request[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #scripts: Script[];
  readonly #done: Promise<void>;
  readonly #open = new Set<Deno.Conn>();

  constructor(...scripts: Script[]) {
    this.#scripts = scripts;
    this.#done = this.#accept();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  async #accept(): Promise<void> {
    const all: Promise<void>[] = [];
    for await (const conn of this.#listener) all.push(this.#serve(conn));
    await Promise.all(all);
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    this.#open.add(conn);
    try {
      const request = await readRequest(conn);
      this.requests.push(request);
      const script = this.#scripts.length > 1 ? this.#scripts.shift()! : this.#scripts[0]!;
      await script(request, async (data) => {
        const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
        await writeAll(conn, bytes);
      });
    } catch { /* The client has gone. */ }
    this.#open.delete(conn);
    try {
      conn.close();
    } catch { /* Closed already. */ }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#open) conn.close();
    await this.#done;
  }
}

/** Head of an answer. */
export function head(status: number, headers: { [name: string]: string | number } = {}): string {
  const lines = Object.entries({ connection: "close", ...headers }).map(([k, v]) => `${k}: ${v}`);
  return [`HTTP/1.1 ${status} Status`, ...lines, "", ""].join("\r\n");
}

/** A good server: whole file, or the range asked for. */
export function good(bytes: Uint8Array, tag = '"v1"'): Script {
  return async ({ headers }, write) => {
    const from = Number(/^bytes=(\d+)-$/.exec(headers.get("range") ?? "")?.[1] ?? 0);
    const fresh = headers.get("if-range") ?? tag;
    if (from === 0 || fresh !== tag) {
      await write(head(200, { "content-length": bytes.length, etag: tag }));
      return await write(bytes);
    }
    if (from >= bytes.length) {
      return await write(
        head(416, { "content-range": `bytes */${bytes.length}`, "content-length": 0 }),
      );
    }
    const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    const length = bytes.length - from;
    await write(head(206, { "content-length": length, "content-range": range, etag: tag }));
    await write(bytes.subarray(from));
  };
}

/** Sends the promised length, but only the first bytes of it, and closes. */
export function cut(bytes: Uint8Array, after: number, tag = '"v1"'): Script {
  return async (request, write) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
    const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    const headers = { "content-length": bytes.length - from, etag: tag };
    await write(from > 0 ? head(206, { ...headers, "content-range": range }) : head(200, headers));
    await write(bytes.subarray(from, from + after));
  };
}

/** Sends some bytes and then nothing, without closing, until the client goes. */
export function stall(bytes: Uint8Array, after: number): Script {
  return async ({ left }, write) => {
    await write(head(200, { "content-length": bytes.length, etag: '"v1"' }));
    await write(bytes.subarray(0, after));
    await left;
  };
}

/** Answers with a status and nothing else. */
export function status(code: number): Script {
  return async (_, write) => await write(head(code, { "content-length": 0 }));
}
