import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { readSource } from "./media_source.ts";

Deno.test("readSource() gives the bytes of every kind of source as they come, and holds a piece at a time", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/bytes`;
  const bytes = Uint8Array.from({ length: 3_000_000 }, (_, i) => i * i >> 7);
  await Deno.writeFile(path, bytes);
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => {
    return new Response(bytes);
  });
  const url = `http://127.0.0.1:${server.addr.port}/`;
  const sources = [path, pathToFileURL(path).href, url, bytes, new Blob([bytes]).stream()];
  for (const source of sources) {
    const pieces = await Array.fromAsync(await readSource(source));
    assert.deepEqual(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).bytes(), bytes);
    const most = Math.max(...pieces.map(({ length }) => length));
    if (typeof source === "string") assert.ok(most < 1 << 20, `${most} bytes`);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("readSource() says what is not there", async () => {
  await assert.rejects(readSource("/nowhere/at/all"), Deno.errors.NotFound);
});
