import { writeAll } from "@vcs/transport/internal";

/** A server that writes these bytes for each connection, whatever was asked, and closes. */
export function scriptedServer(...parts: readonly (string | Uint8Array)[]) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serve = async (connection: Deno.Conn) => {
    try {
      await connection.read(new Uint8Array(4096));
      for (const part of parts) {
        await writeAll(connection, typeof part === "string" ? latin1(part) : part);
      }
    } catch {
      // The client may leave at any time.
    }
    connection.close();
  };
  const done = (async () => {
    const all: Promise<void>[] = [];
    for await (const connection of listener) all.push(serve(connection));
    await Promise.all(all);
  })().catch(() => {});
  const { port } = listener.addr as Deno.NetAddr;
  return {
    url: `http://127.0.0.1:${port}/stream.mjpg`,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await done;
    },
  };
}

const latin1 = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
