import assert from "node:assert/strict";
import { scriptedServer } from "../testdata/scripted_server.ts";
import { openCamera } from "./camera.ts";
import { httpGet } from "./http.ts";

const JPEG = Uint8Array.of(0xff, 0xd8, 0xff, 0xda, 0, 2, 7, 10, 10, 0xff, 0xd9);
const PART = "--x\r\nContent-Type: image/jpeg\r\n\r\n";
const TYPE = "Content-Type: multipart/x-mixed-replace;boundary=x\r\n";
const OK = "HTTP/1.1 200 OK\r\n";
const CHUNK = `${PART}${String.fromCharCode(...JPEG)}\r\n`;
const chunked = (text: string) => `${text.length.toString(16)};a=b\r\n${text}\r\n`;

/** Heads that cameras send, and that Python's urllib and a scan for JPEG markers read. */
const HEADS: Readonly<Record<string, string>> = {
  "a line without a name": `${OK}Server: GoaHead\r\nTue, 12 Jun 2012 01:56:34 GMT\r\n${TYPE}\r\n`,
  "a space before the colon": `${OK}${TYPE.replace(":", " :")}\r\n`,
  "NUL in a field": `${OK}Server: cam\0era\r\n${TYPE}\r\n`,
  "NUL before the empty line": `${OK}${TYPE}\0\r\n`,
  "a length below zero": `${OK}Content-Length: -1\r\n${TYPE}\r\n`,
  "a length of zero": `${OK}Content-Length: 0\r\n${TYPE}\r\n`,
  "lengths that differ": `${OK}Content-Length: 5\r\nContent-Length: 9\r\nContent-Type: a/b\r\n\r\n`,
  "a length of a multipart body": `${OK}Content-Length: 12\r\n${TYPE}\r\n`,
  "text/plain": `${OK}Content-Type: text/plain\r\n\r\n`,
  "text/html": `${OK}Content-Type: text/html\r\n\r\n`,
  "video/x-mjpeg": `${OK}Content-Type: video/x-mjpeg\r\n\r\n`,
  "no status line": `${TYPE}\r\n`,
  "no head at all": "",
  "ICY": `ICY 200 OK\r\n${TYPE}\r\n`,
  "a status without a number": `HTTP/1.0 OK\r\n${TYPE}\r\n`,
  "bare line feeds": `HTTP/1.0 200 OK\n${TYPE.replace("\r", "")}\n`,
  "empty lines before it": `\r\n\r\n${OK}${TYPE}\r\n`,
  "hundreds of fields": `${OK}${"X-Filler: 0123456789\r\n".repeat(900)}${TYPE}\r\n`,
  "a provisional answer": `HTTP/1.1 100 Continue\r\n\r\n${OK}${TYPE}\r\n`,
  "chunks that are none": `${OK}Transfer-Encoding: chunked\r\n${TYPE}\r\n`,
};

async function frames(url: string): Promise<number[][]> {
  using camera = await openCamera(url, { frameTimeout: 60 });
  const found: number[][] = [];
  for await (const { data } of camera.frames()) found.push([...data]);
  return found;
}

for (const [name, head] of Object.entries(HEADS)) {
  Deno.test(`a camera is read whose head has ${name}`, async () => {
    await using server = scriptedServer(head, CHUNK, CHUNK);
    assert.deepEqual(await frames(server.url), [[...JPEG], [...JPEG]]);
  });
}

Deno.test("a camera is read that sends its bytes one by one, in chunks", async () => {
  const body = chunked(CHUNK.slice(0, 9)) + chunked(CHUNK.slice(9) + CHUNK) + "0\r\n\r\nrest";
  const all = `${OK}Transfer-Encoding: chunked\r\n${TYPE}\r\n${body}`;
  await using server = scriptedServer(...all);
  assert.deepEqual(await frames(server.url), [[...JPEG], [...JPEG]]);
});

Deno.test("a camera is read that sends other bytes before its first frame", async () => {
  const whole = [0xff, 0xd8, 0xff, 0xdb, 0, 2, ...JPEG.slice(2)];
  const jpeg = String.fromCharCode(...whole);
  const before = ["\r\n\r\n", "\0\x01\xff\xd8\xfe".repeat(40), `<html>${"-".repeat(9000)}\n`];
  for (const [i, text] of before.entries()) {
    const head = i === 0 ? "" : `${OK}Content-Type: text/plain\r\n\r\n`;
    await using server = scriptedServer(head + text + jpeg, jpeg);
    assert.deepEqual(await frames(server.url), [whole, whole]);
  }
});

async function get(...parts: string[]) {
  await using server = scriptedServer(...parts);
  using answer = await httpGet(new URL(server.url), {}, {}, new AbortController().signal);
  const bytes = await Array.fromAsync(answer.body);
  const text = bytes.map((chunk) => new TextDecoder("latin1").decode(chunk)).join("");
  return { status: answer.status, headers: Object.fromEntries(answer.headers), text };
}

Deno.test("httpGet() gives status, fields and a body of the length that was said", async () => {
  const head = "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nWWW-Authenticate: Digest a=b\r\n";
  assert.deepEqual(await get(head, "Content-\0Length: 5\r\n\r\nhe", "llo and more"), {
    status: 401,
    headers: { "www-authenticate": "Basic, Digest a=b", "content-length": "5" },
    text: "hello",
  });
});

Deno.test("httpGet() gives up on a head without an end", async () => {
  await assert.rejects(get(OK, ...Array(30).fill("x".repeat(1 << 14))), {
    code: "http-status",
    message: /has no end within 262144 bytes$/,
  });
});

Deno.test("a page or a song is no camera, whatever its type", async () => {
  for (const body of ["<!doctype html><p>camera</p>", "ID3".repeat(200_000)]) {
    await using server = scriptedServer(`${OK}Content-Type: text/html\r\n\r\n`, body);
    await assert.rejects(frames(server.url), { code: "not-mjpeg", message: /this is a page/ });
  }
  const cover = `ID3${"\0".repeat(99)}\xff\xd8\xff\xe0\0\x02\xff\xd9`;
  await using server = scriptedServer(`${OK}Content-Type: audio/mpeg\r\n\r\n`, cover);
  await assert.rejects(frames(server.url), { code: "not-mjpeg", message: /type is audio/ });
});
