import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { STALL, systemClock } from "@vcs/transport/portable";
import { SeekableSource } from "./seekable_source.ts";

const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7 % 251);

const slice = (from: number, to: number) => bytes.slice(from, to);

/** A server that counts requests, with or without ranges. */
function serve(ranges: boolean, send: (from: number, to: number) => BodyInit = slice) {
  const requests: (string | null)[] = [];
  const server = Deno.serve({ port: 0, onListen: () => {} }, (request) => {
    const range = request.headers.get("range");
    requests.push(range);
    if (new URL(request.url).pathname === "/missing") return new Response("no", { status: 404 });
    const match = ranges ? /^bytes=(\d+)-(\d*)$/.exec(range ?? "") : null;
    if (!match) return new Response(send(0, bytes.length));
    const from = Number(match[1]);
    const to = match[2] ? Number(match[2]) + 1 : bytes.length;
    if (from >= bytes.length) return new Response(null, { status: 416 });
    const headers = { "content-range": `bytes ${from}-${to - 1}/${bytes.length}` };
    return new Response(send(from, to), { status: 206, headers });
  });
  return {
    requests,
    url: (path = "") => `http://127.0.0.1:${server.addr.port}/${path}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function checkSeeks(source: SeekableSource) {
  assert.equal(source.size, bytes.length);
  for (const at of [0, 10, 200_000, 290_000, 3, 299_999]) {
    const run = await source.seek(at);
    assert.equal(source.position, at);
    assert.deepEqual(await run.read(100), bytes.subarray(at, at + 100));
  }
  const none = await source.seek(400_000);
  assert.equal((await none.read(1)).length, 0);
}

Deno.test("files and bytes read from any position", async () => {
  const path = await Deno.makeTempFile();
  await Deno.writeFile(path, bytes);
  for (const what of [path, bytes, pathToFileURL(path)]) {
    await using source = await SeekableSource.open(what);
    await checkSeeks(source);
  }
  await Deno.remove(path);
});

Deno.test("a server is asked for one range per jump, and only for the bytes wanted", async () => {
  await using server = serve(true);
  await using source = await SeekableSource.open(server.url());
  await (await source.seek(0)).read(10);
  const run = await source.seek(200_000, 200_500);
  assert.deepEqual(await run.read(1000), bytes.subarray(200_000, 200_500));
  assert.deepEqual(server.requests, [null, "bytes=200000-200499"]);
  await source.seek(0);
  await checkSeeks(source);
});

Deno.test("a range is left where more than it holds is wanted", async () => {
  await using server = serve(true);
  await using source = await SeekableSource.open(server.url());
  const part = async (from: number, to?: number) => {
    const run = await source.seek(from, to);
    assert.deepEqual(
      await run.read((to ?? from + 100) - from),
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
  await using source = await SeekableSource.open(server.url().replace("http:", "hxxp:"));
  await checkSeeks(source);
});

Deno.test("a stream runs forwards only", async () => {
  await using source = await SeekableSource.open(new Blob([bytes]).stream());
  const run = await source.seek(250_000);
  assert.deepEqual(await run.read(2), bytes.subarray(250_000, 250_002));
  await assert.rejects(source.seek(0), RangeError);
});

/** The bytes in small pieces that come one by one. */
function slowly(from = 0, to = bytes.length): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (from >= to) return controller.close();
      controller.enqueue(bytes.slice(from, Math.min(to, from + 5000)));
      from += 5000;
    },
  });
}

Deno.test("a run ends where others are asked for, and takes none of their bytes", async () => {
  await using server = serve(true, slowly);
  for (const position of [30_000, 200_000]) {
    for (const what of [slowly(), server.url()]) {
      await using source = await SeekableSource.open(what);
      const old = await source.seek(0);
      await old.read(100);
      const waiting = assert.rejects(old.read(280_000), TypeError);
      await new Promise((resolve) => setTimeout(resolve, 3));
      const run = await source.seek(position);
      assert.deepEqual(await run.read(9000), bytes.subarray(position, position + 9000));
      await waiting;
      await assert.rejects(old.read(1), TypeError);
    }
  }
});

Deno.test("of two jumps at once, the later one counts", async () => {
  await using server = serve(true);
  await using source = await SeekableSource.open(server.url());
  const first = assert.rejects(source.seek(200_000), TypeError);
  const second = await source.seek(100_000);
  await first;
  assert.deepEqual(await second.read(50), bytes.subarray(100_000, 100_050));
});

Deno.test("what cannot be opened is distinguished from what is not supported", async () => {
  await using server = serve(true);
  const code = (source: string) =>
    SeekableSource.open(source).then(() => "", (error) => error.code);
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
  const wait = SeekableSource.open(`http://127.0.0.1:${server.addr.port}/`, {
    signal: abort.signal,
  });
  setTimeout(() => abort.abort(), 10);
  await assert.rejects(wait, { name: "AbortError" });
  stopping.abort();
  await server.finished;
});

Deno.test("an aborted signal ends the wait for bytes, of any source", async () => {
  const silent = () => new ReadableStream<Uint8Array>({ start: (c) => c.enqueue(bytes) });
  await using server = serve(true, silent);
  for (const what of [silent(), server.url()]) {
    const abort = new AbortController();
    await using source = await SeekableSource.open(what, { signal: abort.signal });
    const run = await source.seek(0);
    await run.read(bytes.length);
    const wait = assert.rejects(run.read(1), { message: "enough" });
    abort.abort(new Error("enough"));
    await wait;
    await assert.rejects(source.seek(0), { message: "enough" });
  }
});

/** Answers requests as a server with ranges does; keeps which bodies were cancelled. */
async function answered(
  use: (bodies: { from: number; cancelled: boolean }[]) => Promise<void>,
): Promise<void> {
  const { fetch } = globalThis;
  const bodies: { from: number; cancelled: boolean }[] = [];
  globalThis.fetch = (_url, init) => {
    const range = new Headers(init?.headers).get("range");
    const from = Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
    const body = { from, cancelled: false };
    bodies.push(body);
    let at = from;
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => controller.enqueue(slice(at, at += 1000)),
      cancel: () => void (body.cancelled = true),
    }, { highWaterMark: 0 });
    const headers = {
      "content-length": `${bytes.length - from}`,
      ...(range === null ? {} : { "content-range": `bytes ${from}-/${bytes.length}` }),
    };
    const status = range === null ? 200 : 206;
    return Promise.resolve(new Response(stream, { status, headers }));
  };
  try {
    await use(bodies);
  } finally {
    globalThis.fetch = fetch;
  }
}

Deno.test("every body but the one that is read is cancelled, also one that came too late", () =>
  answered(async (bodies) => {
    await using source = await SeekableSource.open("http://localhost/");
    const late = assert.rejects(source.seek(200_000), TypeError);
    const run = await source.seek(100_000);
    await late;
    assert.deepEqual(await run.read(5), slice(100_000, 100_005));
    const open = bodies.filter(({ cancelled }) => !cancelled);
    assert.deepEqual([bodies.length, open.map(({ from }) => from)], [3, [100_000]]);
  }));

Deno.test("a near jump while a far one waits is not read from the body that the far one ended", () =>
  answered(async () => {
    await using source = await SeekableSource.open("http://localhost/");
    const far = assert.rejects(source.seek(200_000), TypeError);
    const near = await source.seek(10);
    await far;
    assert.deepEqual(await near.read(5), slice(10, 15));
  }));

/** A server whose connections break after some bytes each; and what was asked of it. */
function serveBroken(
  { sends, ranges = true, length = true, tags = ["a"] }: {
    sends: number;
    ranges?: boolean;
    length?: boolean;
    tags?: string[];
  },
) {
  const requests: string[] = [];
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const answer = async (conn: Deno.Conn) => {
    using _ = conn;
    const head = new Uint8Array(4096);
    const text = new TextDecoder().decode(head.subarray(0, await conn.read(head) ?? 0));
    const asked = /^range: bytes=(\d+)-/im.exec(text)?.[1];
    requests.push(asked ?? "all");
    const from = ranges ? Number(asked ?? 0) : 0;
    const tag = `etag: "${tags[Math.min(requests.length, tags.length) - 1]}"\r\n`;
    const size = length ? `content-length: ${bytes.length - from}\r\n` : "";
    const range = `content-range: bytes ${from}-${bytes.length - 1}/${bytes.length}\r\n`;
    const start = ranges && asked ? `206 Partial Content\r\n${range}` : "200 OK\r\n";
    const chunked = length ? "" : "transfer-encoding: chunked\r\n";
    const lines = `HTTP/1.1 ${start}${size}${chunked}${tag}\r\n`;
    const body = bytes.subarray(from, from + sends * (ranges ? 1 : requests.length));
    const frame = length ? [body] : [
      new TextEncoder().encode(`${body.length.toString(16)}\r\n`),
      body,
      new TextEncoder().encode("\r\n"),
    ];
    for (const part of [new TextEncoder().encode(lines), ...frame]) {
      for (let at = 0; at < part.length;) at += await conn.write(part.subarray(at));
    }
  };
  const running = (async () => {
    for await (const conn of listener) await answer(conn).catch(() => {});
  })();
  return {
    requests,
    url: `http://127.0.0.1:${listener.addr.port}/`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await running;
    },
  };
}

const readAll = async (source: SeekableSource) =>
  await (await source.seek(0)).read(bytes.length + 1);

Deno.test("a connection that breaks is made again, at the byte where it broke", async () => {
  for (const ranges of [true, false]) {
    await using server = serveBroken({ sends: 110_000, ranges });
    await using source = await SeekableSource.open(server.url);
    assert.deepEqual(await readAll(source), bytes);
    const [first, ...resumed] = server.requests;
    assert.equal(first, "all");
    assert.equal(resumed.length, 2);
    assert.ok(Number(resumed[0]) <= 110_000 && Number(resumed[1]) > 110_000, resumed.join());
  }
});

Deno.test("a file that changed is not joined to its former start", async () => {
  await using server = serveBroken({ sends: 110_000, tags: ["a", "b"] });
  await using source = await SeekableSource.open(server.url);
  await assert.rejects(readAll(source), /changed while it was read$/);
  assert.equal(server.requests.length, 2);
});

Deno.test("what has no length is not joined to what the server sends later", async () => {
  await using server = serveBroken({ sends: 110_000, ranges: false, length: false });
  await using source = await SeekableSource.open(server.url);
  await assert.rejects(readAll(source), /does not send the rest of what broke at byte \d+$/);
  assert.equal(server.requests.length, 2);
});

Deno.test("a server that sends nothing more is given up after four attempts", async () => {
  const waits: number[] = [];
  const clock = {
    now: () => 0,
    sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
      // Nothing stalls here: the limit's own wait ends with what it limits.
      if (milliseconds === STALL) return systemClock.sleep(milliseconds, signal);
      return Promise.resolve(void waits.push(milliseconds));
    },
  };
  await using server = serveBroken({ sends: 0 });
  await using source = await SeekableSource.open(server.url, { clock });
  await assert.rejects(readAll(source), { name: "EcdcError", code: "unreachable" });
  assert.deepEqual(waits, [1000, 2000]);
  assert.equal(server.requests.length, 4);
});

/** A server that sends a hundred bytes of more to the first request, and answers no later one. */
function serveStalled(isSilent = false) {
  const arrived = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const ranges: (string | null)[] = [];
  const never = Promise.withResolvers<void>();
  const options = { port: 0, hostname: "127.0.0.1", onListen: () => {} };
  const server = Deno.serve(options, async ({ headers }) => {
    ranges.push(headers.get("range"));
    arrived[ranges.length - 1]!.resolve();
    if (isSilent || ranges.length > 1) await never.promise;
    const start = (stream: ReadableStreamDefaultController) => stream.enqueue(new Uint8Array(100));
    return new Response(new ReadableStream({ start }), { headers: { "content-length": "1000" } });
  });
  return {
    ranges,
    url: `http://127.0.0.1:${server.addr.port}/song.ecdc`,
    asked: (nth: number) => arrived[nth - 1]!.promise,
    async [Symbol.asyncDispose]() {
      never.resolve();
      await server.shutdown();
    },
  };
}

/** A clock whose limit for servers is over when the test says so. */
function stallingClock() {
  let end: (() => void) | undefined;
  return {
    now: () => 0,
    sleep(milliseconds: number): Promise<void> {
      if (milliseconds !== STALL) return Promise.resolve();
      return new Promise((resolve) => end = resolve);
    },
    stall: () => end!(),
  };
}

Deno.test("a server that stalls is asked again, and then given up with the reason", async () => {
  const clock = stallingClock();
  await using server = serveStalled();
  await using source = await SeekableSource.open(server.url, { clock });
  const run = await source.seek(0);
  assert.equal((await run.read(100)).length, 100);
  const refused = assert.rejects(run.read(1), {
    code: "unreachable",
    message: /^Cannot read on: the connection to .* broke at byte 100 \(.*nothing came for 30 s\)$/,
  });
  for (const nth of [1, 2, 3, 4]) {
    await server.asked(nth);
    clock.stall();
  }
  await refused;
  assert.deepEqual(server.ranges, [null, ...Array(3).fill("bytes=100-")]);
});

Deno.test("a server that does not answer is given up with the reason", async () => {
  const clock = stallingClock();
  await using server = serveStalled(true);
  const refused = assert.rejects(SeekableSource.open(server.url, { clock }), {
    code: "unreachable",
    message: /^Cannot open http:.*: nothing came for 30 s$/,
  });
  await server.asked(1);
  clock.stall();
  await refused;
});
