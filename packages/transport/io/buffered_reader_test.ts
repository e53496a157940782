import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { BufferedReader } from "./buffered_reader.ts";

const BYTES = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7 % 251);

/** A stream in chunks of random lengths, some of them empty. */
function chunked(bytes: Uint8Array, seed: number, most: number): ReadableStream<Uint8Array> {
  const next = random(seed);
  return ReadableStream.from((function* () {
    for (let at = 0; at < bytes.length;) {
      const length = Math.floor(next() * most);
      yield bytes.subarray(at, at += length);
    }
  })());
}

for (const most of [3, 1000, 200_000]) {
  Deno.test(`buffered reader: gives exact counts of chunks of up to ${most} bytes`, async () => {
    const small = BYTES.subarray(0, most < 10 ? 2000 : BYTES.length);
    const next = random(most);
    await using reader = BufferedReader.of(chunked(small, most, most), "the test");
    const reads = [
      (length: number) => reader.view(length),
      (length: number) => reader.body(length),
      (length: number) => reader.take(length),
      (length: number) => reader.upTo(length),
    ];
    let at = 0;
    for (let i = 0; at < small.length; i++) {
      const long = i % 4 > 0 && next() < 0.2 ? 50_000 : 100;
      const length = Math.min(small.length - at, Math.floor(next() * long));
      const bytes = await reads[i % 4]!(length);
      assert.deepEqual(Buffer.from(bytes), Buffer.from(small.subarray(at, at += length)));
    }
    assert.equal(await reader.atEnd(), true);
    await reader.end();
  });
}

Deno.test("buffered reader: bytes that end too early are given or refused", async () => {
  const open = () => BufferedReader.of(chunked(BYTES.subarray(0, 10), 1, 4), "the test");
  assert.deepEqual(await open().upTo(100), BYTES.slice(0, 10));
  const refused = { code: "truncated", message: /the test: the bytes end 90 too early/ };
  await assert.rejects(open().take(100), refused);
  await assert.rejects(open().body(100), refused);
  await assert.rejects(open().view(100), refused);
  await assert.rejects(open().skip(100), refused);
});

Deno.test("buffered reader: what follows the end is refused", async () => {
  await using reader = BufferedReader.of(chunked(BYTES.subarray(0, 10), 1, 4), "the test");
  await reader.skip(9);
  await assert.rejects(reader.end(), { code: "format", message: /the test: more bytes/ });
});

Deno.test("buffered reader: a length that lies costs no memory", async () => {
  await using reader = BufferedReader.of(chunked(BYTES.subarray(0, 10), 1, 4));
  await assert.rejects(reader.take(2 ** 50), { code: "truncated" });
});

Deno.test("buffered reader: whole units are given as they come, a part of one never", async () => {
  for (const size of [3, 70_000]) {
    await using reader = BufferedReader.of(chunked(BYTES, 2, 1000));
    const parts: Uint8Array[] = [];
    const most = size * 40;
    for (let part = await reader.units(size, most); part.length > 0;) {
      assert.ok(part.length % size === 0 && part.length <= most, `${part.length}`);
      parts.push(part.slice());
      part = await reader.units(size, most);
    }
    const whole = BYTES.length - BYTES.length % size;
    assert.deepEqual(Buffer.concat(parts), Buffer.from(BYTES.subarray(0, whole)));
  }
});

Deno.test("buffered reader: memory grows with what comes, past what is allocated at once", async () => {
  const [count, size] = [70, 1 << 20];
  const chunks = (function* () {
    for (let i = 0; i < count; i++) yield new Uint8Array(size).fill(i);
  })();
  await using reader = BufferedReader.of(ReadableStream.from(chunks));
  const bytes = await reader.take(count * size);
  for (let i = 0; i < count; i++) assert.equal(bytes[i * size + 17], i);
});
