import assert from "node:assert/strict";
import { RangeServer } from "#testing/range_server.ts";
import { openRemote } from "./ranges.ts";

const FILE = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) >> 4 & 255);
const QUICK = { waitSeconds: 0.01 };

Deno.test("a file on a server is read in parts, each asked for once", async () => {
  await using server = new RangeServer(FILE);
  const file = (await openRemote(server.url))!;
  assert.equal(file.size, FILE.length);
  assert.deepEqual(await file.read(10, 500), FILE.subarray(10, 500));
  assert.deepEqual([server.requests, file.requests], [1, 1]);
  assert.deepEqual(await file.read(70_000, 70_001), FILE.subarray(70_000, 70_001));
  assert.deepEqual(await file.read(99_000, 100_000), FILE.subarray(99_000));
  assert.deepEqual([server.requests, file.requests], [3, 3]);
  assert.equal(file.received, server.sent);
});

Deno.test("a server that sends no ranges, or of no version, is not read by ranges", async (t) => {
  const part = { "content-range": "bytes 0-9/100000" };
  const answers: Record<string, () => Response> = {
    "all of it": () => new Response(FILE, { headers: { etag: '"v1"' } }),
    "no version": () => new Response(FILE.subarray(0, 10), { status: 206, headers: part }),
    "a weak tag": () =>
      new Response(FILE.subarray(0, 10), { status: 206, headers: { ...part, etag: 'W/"v1"' } }),
    "no length": () =>
      new Response(FILE.subarray(0, 10), {
        status: 206,
        headers: { "content-range": "bytes 0-9/*", etag: '"v1"' },
      }),
    "another place": () =>
      new Response(FILE.subarray(0, 10), {
        status: 206,
        headers: { "content-range": "bytes 5-14/100000", etag: '"v1"' },
      }),
  };
  for (const [name, answer] of Object.entries(answers)) {
    await t.step(name, async () => {
      await using server = new RangeServer(FILE);
      server.instead = answer;
      assert.equal(await openRemote(server.url), undefined);
    });
  }
});

Deno.test("a part of another version of the file, or of another length, is refused", async (t) => {
  const code = "download-failed";
  await t.step("replaced by one of equal size", async () => {
    await using server = new RangeServer(FILE);
    const file = (await openRemote(server.url))!;
    server.tag = '"v2"';
    await assert.rejects(file.read(50_000, 60_000), { code, message: /it changed while it was/ });
  });
  await t.step("another version in a part", async () => {
    await using server = new RangeServer(FILE);
    const file = (await openRemote(server.url))!;
    server.instead = () => {
      server.tag = '"v2"';
      return server.part(50_000, 60_000);
    };
    await assert.rejects(file.read(50_000, 60_000), { code, message: /it changed while it was/ });
  });
  await t.step("more than was asked for", async () => {
    await using server = new RangeServer(FILE);
    const file = (await openRemote(server.url))!;
    server.instead = () => server.part(50_000, 70_000);
    await assert.rejects(file.read(50_000, 60_000), { code, message: /more came than was asked/ });
  });
  await t.step("less than was asked for, again and again", async () => {
    await using server = new RangeServer(FILE);
    const file = (await openRemote(server.url, QUICK))!;
    server.instead = () => server.part(50_000, 55_000);
    const message = /ended after 5000 of 10000 bytes/;
    await assert.rejects(file.read(50_000, 60_000), { code, message });
    assert.equal(server.requests, 1 + 4);
  });
});

Deno.test("a server that is busy for a moment is asked again", async () => {
  await using server = new RangeServer(FILE);
  server.instead = (_, n) => n === 0 || n === 2 ? new Response(null, { status: 503 }) : undefined;
  const file = (await openRemote(server.url, QUICK))!;
  assert.deepEqual(await file.read(50_000, 60_000), FILE.subarray(50_000, 60_000));
  assert.equal(server.requests, 4);
});

Deno.test("an aborted signal ends the wait for a part", async () => {
  await using server = new RangeServer(FILE);
  const file = (await openRemote(server.url))!;
  server.instead = () => new Response(new ReadableStream());
  const stop = new AbortController();
  const reading = assert.rejects(file.read(50_000, 60_000, stop.signal), { message: "enough" });
  stop.abort(new Error("enough"));
  await reading;
});
