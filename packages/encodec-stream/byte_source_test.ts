import assert from "node:assert/strict";
import { ByteSource } from "./byte_source.ts";

const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7 % 251);

/** A server that counts requests and bytes, with or without ranges. */
function serve(ranges: boolean) {
  const requests: (string | null)[] = [];
  const server = Deno.serve({ port: 0, onListen: () => {} }, (request) => {
    const range = request.headers.get("range");
    requests.push(range);
    if (new URL(request.url).pathname === "/missing") return new Response("no", { status: 404 });
    const match = ranges ? /^bytes=(\d+)-(\d*)$/.exec(range ?? "") : null;
    if (!match) return new Response(bytes);
    const from = Number(match[1]);
    const to = match[2] ? Number(match[2]) + 1 : bytes.length;
    if (from >= bytes.length) return new Response(null, { status: 416 });
    const part = bytes.subarray(from, to);
    const headers = { "content-range": `bytes ${from}-${from + part.length - 1}/${bytes.length}` };
    return new Response(part, { status: 206, headers });
  });
  return {
    requests,
    url: (path = "") => `http://127.0.0.1:${server.addr.port}/${path}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function checkSeeks(source: ByteSource) {
  assert.equal(source.size, bytes.length);
  assert.deepEqual(await source.read(5), bytes.subarray(0, 5));
  for (const at of [10, 200_000, 290_000, 3, 299_999]) {
    await source.seek(at);
    assert.equal(source.position, at);
    assert.deepEqual(await source.read(100), bytes.subarray(at, at + 100));
  }
  await source.seek(400_000);
  assert.equal((await source.read(1)).length, 0);
}

Deno.test("files and bytes read from any position", async () => {
  const path = await Deno.makeTempFile();
  await Deno.writeFile(path, bytes);
  for (const what of [path, bytes, new URL(`file://${path}`)]) {
    await using source = await ByteSource.open(what);
    await checkSeeks(source);
  }
  await Deno.remove(path);
});

Deno.test("a server is asked for one range per jump, and only for the bytes wanted", async () => {
  await using server = serve(true);
  await using source = await ByteSource.open(server.url());
  await source.read(10);
  await source.seek(200_000, 200_500);
  assert.deepEqual(await source.read(1000), bytes.subarray(200_000, 200_500));
  assert.deepEqual(server.requests, [null, "bytes=200000-200499"]);
  await source.seek(0);
  await checkSeeks(source);
});

Deno.test("a range is left where more than it holds is wanted", async () => {
  await using server = serve(true);
  await using source = await ByteSource.open(server.url());
  const part = async (from: number, to?: number) => {
    await source.seek(from, to);
    assert.deepEqual(
      await source.read((to ?? from + 100) - from),
      bytes.slice(from, to ?? from + 100),
    );
  };
  await part(200_000, 200_500);
  await part(200_500, 200_600);
  await part(200_600);
  await part(200_900, 201_000);
  assert.deepEqual(server.requests.slice(1), [
    "bytes=200000-200499",
    "bytes=200500-200599",
    "bytes=200600-",
  ]);
});

Deno.test("a server that ignores ranges is read and the bytes before are dropped", async () => {
  await using server = serve(false);
  await using source = await ByteSource.open(server.url().replace("http:", "hxxp:"));
  await checkSeeks(source);
});

Deno.test("a stream runs forwards only", async () => {
  await using source = await ByteSource.open(new Blob([bytes]).stream());
  await source.seek(250_000);
  assert.deepEqual(await source.read(2), bytes.subarray(250_000, 250_002));
  await assert.rejects(source.seek(0), RangeError);
});

Deno.test("what cannot be opened is told apart from what is not supported", async () => {
  await using server = serve(true);
  const code = (source: string) => ByteSource.open(source).then(() => "", (error) => error.code);
  assert.equal(await code("/nonexistent/file.ecdc"), "unreachable");
  assert.equal(await code(server.url("missing")), "unreachable");
  assert.equal(await code("http://127.0.0.1:1/x"), "unreachable");
  assert.equal(await code("ftp://127.0.0.1/x"), "unsupported");
});

Deno.test("an aborted signal ends the wait for a server", async () => {
  const stopping = new AbortController();
  const { signal } = stopping;
  const never = () => new Promise<Response>(() => {});
  const server = Deno.serve({ port: 0, signal, onListen: () => {} }, never);
  const abort = new AbortController();
  const wait = ByteSource.open(`http://127.0.0.1:${server.addr.port}/`, { signal: abort.signal });
  setTimeout(() => abort.abort(), 10);
  await assert.rejects(wait, { name: "AbortError" });
  stopping.abort();
  await server.finished;
});
