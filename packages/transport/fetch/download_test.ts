import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { download, type DownloadOptions, sha256Of } from "./download.ts";
import { TransportError, type TransportErrorCode } from "../errors.ts";
import { ManualClock } from "../flow/clock.ts";
import {
  cut,
  FaultyServer,
  good,
  head,
  type Script,
  stall,
  status,
} from "#testing/faulty_server.ts";

const BYTES = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7 + (i >> 8)) & 255);
const SHA256 = createHash("sha256").update(BYTES).digest("hex");
const OPTIONS: DownloadOptions = { idleTimeoutSeconds: 60, waitSeconds: 0, tries: 3 };

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name).sort();
}

/** Downloads from a server that behaves by scripts. */
async function attempt(
  scripts: Script[],
  options: DownloadOptions = {},
  before?: (path: string) => Promise<void>,
) {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/deep/er/file.bin`;
  await using server = new FaultyServer(...scripts);
  try {
    if (before) {
      await Deno.mkdir(`${folder}/deep/er`, { recursive: true });
      await before(path);
    }
    const error = await download(`${server.url}/file`, path, { ...OPTIONS, ...options })
      .then(() => undefined, (e) => e);
    const bytes = await Deno.readFile(path).catch(() => undefined);
    const names = await namesIn(`${folder}/deep/er`);
    const left = await Deno.stat(`${path}.part`).then(({ size }) => size, () => 0);
    return { error, bytes, names, left, requests: server.requests };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function assertWhole(result: Awaited<ReturnType<typeof attempt>>): void {
  assert.equal(result.error, undefined);
  assert.deepEqual(result.bytes, BYTES);
  assert.deepEqual(result.names, ["file.bin"]);
}

function assertError(error: unknown, code: TransportErrorCode, message: RegExp): void {
  assert.ok(error instanceof TransportError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
}

Deno.test("a good server gives the file, checked against size and SHA-256", async () => {
  const seen: number[] = [];
  const onProgress = ({ received }: { received: number }) => seen.push(received);
  const result = await attempt([good(BYTES)], { sha256: SHA256, size: BYTES.length, onProgress });
  assertWhole(result);
  assert.equal(seen.at(-1), BYTES.length);
  assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
});

Deno.test("the first digits of a SHA-256 are enough", async () => {
  assertWhole(await attempt([good(BYTES)], { sha256: SHA256.slice(0, 8).toUpperCase() }));
});

Deno.test("a server that cuts off is asked for the rest until the file is complete", async () => {
  const result = await attempt([cut(BYTES, 70_000), cut(BYTES, 60_000), good(BYTES)], {
    sha256: SHA256,
  });
  assertWhole(result);
  assert.equal(result.requests.length, 3);
  assert.equal(result.requests[1]!.headers.get("range"), "bytes=70000-");
  assert.equal(result.requests[1]!.headers.get("if-range"), '"v1"');
  assert.equal(result.requests[2]!.headers.get("range"), "bytes=130000-");
});

Deno.test("a server that stalls is left and asked again", async () => {
  const clock = new ManualClock();
  const onProgress = ({ received }: { received: number }) =>
    received === 50_000 && void clock.advance(60_000);
  const options = { sha256: SHA256, clock, onProgress };
  const result = await attempt([stall(BYTES, 50_000), good(BYTES)], options);
  assertWhole(result);
  assert.equal(result.requests[1]!.headers.get("range"), "bytes=50000-");
});

Deno.test("a server that always stalls before a byte ends in an error", async () => {
  const clock = new ManualClock();
  const silent: Script = async (_, write) => {
    await write(head(200, { "content-length": BYTES.length }));
    await clock.advance(50);
  };
  const { error, names } = await attempt([silent], { idleTimeoutSeconds: 0.05, clock });
  assertError(error, "download-failed", /nothing came for 0\.05 s/);
  assert.ok(!names.includes("file.bin"));
});

Deno.test("what an earlier try left is used", async () => {
  const result = await attempt([good(BYTES)], { sha256: SHA256 }, async (path) => {
    await Deno.writeFile(`${path}.part`, BYTES.subarray(0, 150_000));
    await Deno.writeTextFile(`${path}.part.tag`, '"v1"');
  });
  assertWhole(result);
  assert.equal(result.requests[0]!.headers.get("range"), "bytes=150000-");
});

Deno.test("an earlier attempt that was complete needs only its name", async () => {
  const result = await attempt([good(BYTES)], { sha256: SHA256 }, async (path) => {
    await Deno.writeFile(`${path}.part`, BYTES);
    await Deno.writeTextFile(`${path}.part.tag`, '"v1"');
  });
  assertWhole(result);
  assert.ok(result.requests.length <= 1);
});

Deno.test("a file that changed on the server is fetched anew", async () => {
  const result = await attempt([good(BYTES, '"v2"')], { sha256: SHA256 }, async (path) => {
    await Deno.writeFile(`${path}.part`, new Uint8Array(1000).fill(9));
    await Deno.writeTextFile(`${path}.part.tag`, '"v1"');
  });
  assertWhole(result);
});

Deno.test("a rest that does not fit what was there is fetched once more from the start", async () => {
  const result = await attempt([good(BYTES)], { sha256: SHA256 }, async (path) => {
    await Deno.writeFile(`${path}.part`, new Uint8Array(1000).fill(9));
    await Deno.writeTextFile(`${path}.part.tag`, '"v1"');
  });
  assertWhole(result);
  assert.equal(result.requests.length, 2);
});

/** A cut, and then a server with another file of the same length that sends whatever is asked. */
async function spliced(tags: readonly [string, string]) {
  const other = BYTES.map((byte) => byte ^ 255);
  const careless: Script = ({ headers, ...request }, write) =>
    good(other, tags[1])({
      ...request,
      headers: new Headers({ range: headers.get("range") ?? "" }),
    }, write);
  const result = await attempt([cut(BYTES, 70_000, tags[0]), careless]);
  return { ...result, isOther: Buffer.from(other).equals(result.bytes ?? new Uint8Array()) };
}

Deno.test("without a tag or checksum to distinguish files, nothing is appended to an earlier attempt", async () => {
  for (const tag of ["", 'W/"v1"']) {
    const result = await spliced([tag, tag]);
    assert.equal(result.error, undefined);
    assert.equal(result.requests.at(-1)!.headers.get("range"), null);
    assert.ok(result.isOther, "spliced");
  }
});

Deno.test("a server that sends the rest of another file is asked from the start", async () => {
  const result = await spliced(['"v1"', '"v2"']);
  assert.equal(result.error, undefined);
  assert.equal(result.requests[1]!.headers.get("if-range"), '"v1"');
  assert.ok(result.isOther, "spliced");
});

Deno.test("an earlier try longer than the file is dropped", async () => {
  const result = await attempt([good(BYTES)], { sha256: SHA256 }, async (path) => {
    await Deno.writeFile(`${path}.part`, new Uint8Array(300_000));
    await Deno.writeTextFile(`${path}.part.tag`, '"v1"');
  });
  assertWhole(result);
});

Deno.test("a server without ranges is read from the start", async () => {
  const plain: Script = async (_, write) => {
    await write(head(200, { "content-length": BYTES.length }));
    await write(BYTES);
  };
  assertWhole(await attempt([cut(BYTES, 70_000), plain], { sha256: SHA256 }));
});

Deno.test("a server that answers with another range is asked from the start", async () => {
  const wrong: Script = async (_, write) => {
    await write(head(206, { "content-length": 10, "content-range": "bytes 5-14/200000" }));
    await write(BYTES.subarray(5, 15));
  };
  assertWhole(await attempt([cut(BYTES, 70_000), wrong, good(BYTES)], { sha256: SHA256 }));
});

Deno.test("wrong bytes do not become a file", async () => {
  const wrong = BYTES.slice();
  wrong[12345]! ^= 1;
  const { error, bytes, names } = await attempt([good(wrong)], { sha256: SHA256 });
  assertError(error, "checksum", /found SHA-256 [0-9a-f]{64}, it must begin with/);
  assert.equal(bytes, undefined);
  assert.ok(!names.includes("file.bin"));
});

Deno.test("a promised length that is not the file's is refused before the bytes", async () => {
  const { error, bytes } = await attempt([good(BYTES.subarray(1))], { size: BYTES.length });
  assertError(error, "download-failed", /offers 199999 bytes, the file has 200000/);
  assert.equal(bytes, undefined);
});

Deno.test("a length that lies low is caught by the SHA-256", async () => {
  const liar: Script = async (_, write) => {
    await write(head(200, { "content-length": 100_000 }));
    await write(BYTES);
  };
  const { error, bytes } = await attempt([liar], { sha256: SHA256 });
  assertError(error, "checksum", /found SHA-256/);
  assert.equal(bytes, undefined);
});

Deno.test("a length that lies high is tried again and then given up", async () => {
  const { error, bytes } = await attempt([
    async (_, write) => {
      await write(head(200, { "content-length": BYTES.length + 5, etag: '"v1"' }));
      await write(BYTES);
    },
    cut(Uint8Array.from([...BYTES, 1, 2, 3, 4, 5]), 0),
  ]);
  assertError(error, "download-failed", /ended after 200000 of 200005 bytes|broke off/);
  assert.equal(bytes, undefined);
});

Deno.test("more bytes than the file has are refused where no length is promised", async () => {
  const chatty: Script = async (_, write) => {
    await write(head(200));
    await write(BYTES);
    await write(new Uint8Array([1]));
  };
  const { error, bytes } = await attempt([chatty], { size: BYTES.length });
  assertError(error, "download-failed", /sent more than 200000 bytes/);
  assert.equal(bytes, undefined);
});

/** A page as a captive portal sends it. */
const PAGE = "\n <!DOCTYPE html><html><body>Log in</body></html>";

for (
  const [what, type, options] of [
    ["by its type", "text/html; charset=utf-8", {}],
    ["by its bytes", "application/octet-stream", {}],
    ["where a hash is promised", "text/html", { sha256: SHA256 }],
  ] as const
) {
  Deno.test(`a web page with status 200 is refused and not kept: ${what}`, async () => {
    const portal: Script = async (_, write) => {
      await write(head(200, { "content-type": type, "content-length": PAGE.length, etag: '"v1"' }));
      await write(PAGE);
    };
    const { error, bytes, requests, left } = await attempt([portal], options);
    assertError(error, "download-failed", /a web page came in place of the file/);
    assert.deepEqual([bytes, left], [undefined, 0]);
    assert.equal(requests.length, 1);
  });
}

/** A body of no promised length. */
function endless(bytes: Uint8Array, chunked: boolean): Script {
  return async (_, write) => {
    await write(head(200, chunked ? { "transfer-encoding": "chunked" } : {}));
    if (chunked) await write(`${bytes.length.toString(16)}\r\n`);
    await write(bytes);
    if (chunked) await write("\r\n0\r\n\r\n");
  };
}

Deno.test("an end that only the closed connection shows is no end", async () => {
  for (const length of [BYTES.length, 70_000]) {
    const { error, bytes } = await attempt([endless(BYTES.subarray(0, length), false)]);
    assertError(error, "download-failed", /nothing says how long the file is/);
    assert.equal(bytes, undefined);
  }
  const cutOff = await attempt([endless(BYTES.subarray(0, 70_000), false)], { sha256: SHA256 });
  assertError(cutOff.error, "checksum", /found SHA-256/);
  assertWhole(await attempt([endless(BYTES, false)], { sha256: SHA256 }));
  assertWhole(await attempt([endless(BYTES, false)], { size: BYTES.length }));
  assertWhole(await attempt([endless(BYTES, true)]));
});

for (
  const [what, range, length] of [
    ["of no known whole", "bytes 0-99/*", 100],
    ["that nobody asked for", `bytes 0-99/${BYTES.length}`, 100],
    ["that ends before it begins", `bytes 70000-60000/${BYTES.length}`, 100],
    ["that ends behind the file", "bytes 70000-70099/70050", 100],
    ["of another length", `bytes 70000-70099/${BYTES.length}`, 50],
    ["of another whole", `bytes 70000-70099/${BYTES.length + 1}`, 100],
    ["without a range", "", 100],
  ] as const
) {
  Deno.test(`a part ${what} is not taken`, async () => {
    const senseless: Script = async (_, write) => {
      await write(head(206, {
        ...{ "content-length": length, etag: '"v1"' },
        ...(range ? { "content-range": range } : {}),
      }));
      await write(BYTES.subarray(0, length));
    };
    const { error, bytes } = await attempt([senseless]);
    assertError(error, "download-failed", /another range or file/);
    assert.equal(bytes, undefined);
    const resumed = await attempt([cut(BYTES, 70_000), senseless, good(BYTES)]);
    assertWhole(resumed);
    assert.equal(resumed.requests.at(-1)!.headers.get("range"), null);
  });
}

Deno.test("a refusal is reported at once, a busy server is asked again", async () => {
  const refused = await attempt([status(404)]);
  assertError(refused.error, "download-failed", /the server answered 404/);
  assert.equal(refused.requests.length, 1);
  assertWhole(await attempt([status(503), status(429), good(BYTES)]));
});

Deno.test("a server that cannot resume and cuts now later, now sooner ends in an error", async () => {
  let count = 0;
  const fickle: Script = (request, write) =>
    cut(BYTES, count++ % 2 ? 70_000 : 60_000, "")(request, write);
  const { error } = await attempt([fickle]);
  assertError(error, "download-failed", /Cannot download/);
});

Deno.test("nobody at the URL ends in an error", async () => {
  const folder = await Deno.makeTempDir();
  const options = { ...OPTIONS, tries: 2 };
  await assert.rejects(download("http://127.0.0.1:9/x", `${folder}/x`, options), (error) => {
    assertError(error, "download-failed", /Cannot download http:\/\/127\.0\.0\.1:9\/x/);
    return true;
  });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("an aborted download ends at once and keeps what has arrived", async () => {
  const reason = new Error("enough");
  const abort = new AbortController();
  const onProgress = () => abort.abort(reason);
  const { error, names } = await attempt([stall(BYTES, 50_000)], {
    signal: abort.signal,
    onProgress,
  });
  assert.equal(error, reason);
  assert.ok(names.includes("file.bin.part"));
});

Deno.test("a file that is there is not fetched", async () => {
  const result = await attempt([status(500)], {}, (path) => Deno.writeFile(path, BYTES));
  assertWhole(result);
  assert.equal(result.requests.length, 0);
});

Deno.test("two downloads of one file fetch it once", async () => {
  const folder = await Deno.makeTempDir();
  await using server = new FaultyServer(good(BYTES));
  const path = `${folder}/file.bin`;
  await Promise.all([1, 2, 3].map(() => download(`${server.url}/f`, path, OPTIONS)));
  assert.equal(await sha256Of(path), SHA256);
  assert.equal(server.requests.length, 1);
  assert.deepEqual(await namesIn(folder), ["file.bin"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a download that waits for another one's end can be aborted", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/file.bin`;
  {
    using other = await Deno.open(`${path}.part`, { write: true, create: true });
    await other.lock(true);
    const reason = new Error("enough");
    const signal = AbortSignal.timeout(50);
    const waiting = download("http://127.0.0.1:9/f", path, { ...OPTIONS, signal });
    await assert.rejects(waiting, { name: "TimeoutError" });
    const aborted = download("http://127.0.0.1:9/f", path, { signal: AbortSignal.abort(reason) });
    await assert.rejects(aborted, reason);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a token is not sent on to another host", async () => {
  await using other = new FaultyServer(good(BYTES));
  await using hub = new FaultyServer(async (_, write) =>
    await write(head(302, { location: `${other.url}/blob`, "content-length": 0 }))
  );
  const folder = await Deno.makeTempDir();
  const headers = { authorization: "Bearer secret" };
  await download(`${hub.url}/f`, `${folder}/f`, { ...OPTIONS, headers });
  assert.equal(hub.requests[0]!.headers.get("authorization"), "Bearer secret");
  assert.equal(other.requests[0]!.headers.get("authorization"), null);
  await Deno.remove(folder, { recursive: true });
});
