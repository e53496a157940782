import assert from "node:assert/strict";
import { needing } from "#testing/shared.ts";
import { BUCKET, MOTO, startMoto } from "../testing/moto.ts";
import { S3Bucket } from "./bucket.ts";
import type { S3Options } from "./requests.ts";

const KEYS = new Map([["AWS_ACCESS_KEY_ID", "id"], ["AWS_SECRET_ACCESS_KEY", "secret"]]);

/** A service that answers by a script; with the requests that came. */
async function scripted(
  answers: readonly (() => Response)[],
  act: (bucket: S3Bucket, requests: string[]) => Promise<void>,
  options: S3Options = {},
): Promise<void> {
  const requests: string[] = [];
  const answer = (request: Request) => {
    requests.push(`${request.method} ${new URL(request.url).pathname}`);
    return answers[requests.length - 1]!();
  };
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, answer);
  const endpoint = `http://127.0.0.1:${server.addr.port}`;
  await act(new S3Bucket("bucket", { endpoint, env: KEYS, waitSeconds: 0, ...options }), requests);
}

const busy = () => new Response("<Error><Code>SlowDown</Code></Error>", { status: 503 });
const cut = () =>
  new Response(
    new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(2));
        controller.close();
      },
    }),
    { headers: { "content-length": "5" } },
  );
const late = () => new Response("<Error><Code>RequestTimeout</Code></Error>", { status: 400 });
const three = () => new Response(new Uint8Array([1, 2, 3]));

Deno.test("s3: busy services and broken connections are tried again", async () => {
  await scripted([busy, cut, late, three], async (bucket, requests) => {
    assert.deepEqual(await bucket.get("key"), new Uint8Array([1, 2, 3]));
    assert.equal(requests.length, 4);
  });
  await scripted([busy, busy], async (bucket) => {
    await assert.rejects(bucket.get("key"), /the server answered 503/);
  }, { tries: 2 });
});

Deno.test("s3: what a service refuses is told at once in its words", async () => {
  const text = "<Error><Code>AccessDenied</Code><Message>Not you &amp; not now</Message></Error>";
  await scripted([() => new Response(text, { status: 403 })], async (bucket) => {
    await assert.rejects(bucket.put("key", new Uint8Array(1)), {
      code: "refused",
      message: "Cannot use bucket bucket: the service refuses: AccessDenied: Not you & not now",
    });
  });
});

Deno.test("s3: a range that is not what was asked for is no answer", async () => {
  await scripted([three, three], async (bucket) => {
    await assert.rejects(bucket.get("key", { start: 1 }), { code: "truncated" });
  });
  const two = () => new Response(new Uint8Array(2), { status: 206 });
  await scripted([two], async (bucket) => {
    await assert.rejects(bucket.get("key", { start: 1, end: 4 }), { code: "truncated" });
  });
});

Deno.test("s3: where a service is, and keys that URLs cannot hold", async () => {
  assert.throws(() => new S3Bucket("bucket", { env: new Map() }), { code: "refused" });
  assert.throws(() => new S3Bucket("bucket", { env: KEYS, endpoint: "here" }), RangeError);
  const bucket = new S3Bucket("bucket", { env: KEYS, endpoint: "http://127.0.0.1:1" });
  await assert.rejects(bucket.get("a/../b"), RangeError);
});

Deno.test("s3: the parts of a long object are taken back where one fails", async () => {
  const begun = () => new Response("<UploadId>7</UploadId>");
  const refused = () => new Response("<Error><Code>Denied</Code></Error>", { status: 403 });
  const gone = () => new Response(null, { status: 204 });
  await scripted([begun, refused, gone], async (bucket, requests) => {
    const chunks = ReadableStream.from([new Uint8Array(3)]);
    await assert.rejects(bucket.putStream("key", chunks), { code: "refused" });
    assert.deepEqual(requests, ["POST /bucket/key", "PUT /bucket/key", "DELETE /bucket/key"]);
  });
  const part = () => new Response("", { headers: { etag: '"a"' } });
  const failed = () => new Response("<Error><Message>lost a part</Message></Error>");
  await scripted([begun, part, failed, gone], async (bucket) => {
    const chunks = ReadableStream.from([new Uint8Array(3)]);
    await assert.rejects(bucket.putStream("key", chunks), { message: /lost a part/ });
  });
});

Deno.test({
  ...needing("s3: moto has what was stored", MOTO),
  async fn() {
    await using service = await startMoto();
    const endpoint = `http://127.0.0.1:${service.port}`;
    const bucket = new S3Bucket(BUCKET, { endpoint, env: service.env });
    const body = Uint8Array.from({ length: 100 }, (_, i) => i);
    const odd = "a folder/it's + 100 % ü.bin";
    assert.equal(await bucket.put(odd, body), true);
    assert.deepEqual(await bucket.get(odd), body);
    assert.deepEqual(await bucket.get(odd, { start: 90 }), body.slice(90));
    assert.deepEqual(await bucket.get(odd, { start: 5, end: 7 }), body.slice(5, 7));
    assert.equal(await bucket.get("none"), undefined);
    assert.equal(await bucket.metadata("none"), undefined);

    const options = { onlyIfNew: true, metadata: { writer: "me" } };
    assert.equal(await bucket.put("new", body, options), true);
    assert.equal(await bucket.put("new", new Uint8Array(1), options), false);
    assert.equal((await bucket.metadata("new"))?.get("writer"), "me");
    await bucket.copy("new", "newer");
    assert.deepEqual(await bucket.get("newer"), body);
    const pages = await Array.fromAsync(bucket.list("", { page: 2 }));
    assert.deepEqual(pages.flat().map(({ key }) => key), [odd, "new", "newer"]);
    assert.equal(pages.length, 2);
    const after = await Array.fromAsync(bucket.list("new", { after: "new" }));
    const [[{ modified, ...newer } = {}, ...more] = []] = after;
    assert.deepEqual([newer, more], [{ key: "newer", bytes: 100 }, []]);
    assert.ok(Math.abs(modified! - Date.now()) < 3_600_000);
    await bucket.remove("newer");
    await bucket.remove("newer");
    assert.equal(await bucket.get("newer"), undefined);

    const partBytes = 5 * 1024 * 1024;
    const long = new Uint8Array(partBytes + 1000).fill(7);
    const chunks = ReadableStream.from([long.subarray(0, 10), long.subarray(10)]);
    await bucket.putStream("long", chunks, { partBytes });
    assert.deepEqual(await bucket.get("long"), long);
    await bucket.putStream("empty", ReadableStream.from([]));
    assert.equal((await bucket.get("empty"))?.length, 0);
  },
});
