/**
 * A web server of files, for tests of pages that need nothing else.
 *
 * @module
 */
import { extname, join } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

async function respond(request: Request, places: Readonly<Record<string, string>>) {
  const { pathname } = new URL(request.url);
  const prefix = Object.keys(places).find((known) => pathname.startsWith(known));
  if (prefix === undefined) return new Response(undefined, { status: 404 });
  const rest = pathname.slice(prefix.length);
  const path = join(places[prefix]!, rest === "" ? "index.html" : rest);
  const bytes = await Deno.readFile(path).catch(() => undefined);
  if (bytes === undefined) return new Response(undefined, { status: 404 });
  const type = TYPES[extname(path)] ?? "application/octet-stream";
  return new Response(bytes, { headers: { "content-type": type } });
}

/** Serves folders by the beginnings of paths, the first that fits, until it is closed. */
export function serveFolders(
  places: Readonly<Record<string, string>>,
): { url: string } & AsyncDisposable {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    return respond(request, places);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
