import assert from "node:assert/strict";
import { writeAll } from "@vcs/transport/internal";
import { ManualClock } from "@vcs/transport";
import { freePort } from "../../transport/site/free_port.ts";
import { type CameraEvent, cameraFrames, type CameraOptions, openCamera } from "./camera.ts";
import { serveCamera } from "./camera_server.ts";
import { ClipDriftError } from "../errors.ts";

const JPEG = Uint8Array.of(0xff, 0xd8, 0xff, 0xda, 0, 2, 7, 0xff, 0xd9);
const PART = [...new TextEncoder().encode("--x\r\nContent-Type: image/jpeg\r\n\r\n"), ...JPEG, 10];
const FAST: CameraOptions = { reconnectDelay: 0.02, frameTimeout: 60 };

/** A server that writes raw bytes for each connection, whatever was asked. */
function scripted(script: (head: string, connection: Deno.Conn, n: number) => Promise<void>) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let count = 0;
  const serve = async (connection: Deno.Conn) => {
    try {
      const bytes = new Uint8Array(4096);
      const read = await connection.read(bytes);
      const head = new TextDecoder().decode(bytes.subarray(0, read ?? 0));
      await script(head, connection, count++);
    } catch {
      // The client may leave at any time.
    }
    try {
      connection.close();
    } catch {
      // Closed by the script.
    }
  };
  const done = (async () => {
    const all: Promise<void>[] = [];
    try {
      for await (const connection of listener) all.push(serve(connection));
    } catch {
      // The listener was closed.
    }
    await Promise.all(all);
  })();
  const { port } = listener.addr as Deno.NetAddr;
  return {
    url: `http://127.0.0.1:${port}/stream.mjpg`,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await done;
    },
  };
}

async function write(connection: Deno.Conn, ...parts: (string | number[])[]): Promise<void> {
  for (const part of parts) {
    const bytes = typeof part === "string" ? new TextEncoder().encode(part) : Uint8Array.from(part);
    await writeAll(connection, bytes);
  }
}

async function take(url: string, count: number, options: CameraOptions = FAST): Promise<number> {
  let taken = 0;
  for await (const frame of cameraFrames(url, options)) {
    assert.deepEqual(frame.data, JPEG);
    if (++taken === count) break;
  }
  return taken;
}

const OK = "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=x\r\n\r\n";

Deno.test("cameraFrames() reads a camera, with arrival times that grow", async () => {
  await using server = await serveCamera({ frame: () => JPEG, fps: 100 });
  const times: number[] = [];
  const begin = Date.now() / 1000 - 1;
  for await (const frame of cameraFrames(server.url, FAST)) {
    times.push(frame.timestamp);
    if (times.length === 5) break;
  }
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
  assert.ok(times[0]! >= begin && times.at(-1)! <= Date.now() / 1000 + 1);
});

for (
  const [name, head] of [
    ["HTTP/1.0 and a quoted boundary", OK.replace("=x", '="--x"')],
    ["no content type", "HTTP/1.0 200 OK\r\n\r\n"],
    ["no boundary", "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed\r\n\r\n"],
    ["raw motion JPEG", "HTTP/1.0 200 OK\r\nContent-Type: video/x-motion-jpeg\r\n\r\n"],
  ] as const
) {
  Deno.test(`cameraFrames() reads a server with ${name}`, async () => {
    await using server = scripted((_, c) => write(c, head, PART, PART));
    assert.equal(await take(server.url, 2), 2);
  });
}

Deno.test("cameraFrames() asks again if the camera sends single images", async () => {
  const head = `HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: ${JPEG.length}\r\n`;
  await using server = scripted((_, c) => write(c, `${head}\r\n`, [...JPEG]));
  assert.equal(await take(server.url, 2), 2);
});

function connections(events: readonly CameraEvent[]): number {
  return events.filter(({ type }) => type === "connected").length;
}

Deno.test("cameraFrames() comes back after an end, half a frame, a reset and silence", async () => {
  const events: CameraEvent[] = [];
  const clock = new ManualClock();
  const late = Promise.withResolvers<void>();
  await using server = scripted(async (_, c, n) => {
    await write(c, OK, n === 1 ? PART.slice(0, -5) : n === 3 ? [] : PART);
    if (n === 3) await late.promise;
  });
  const onEvent = (event: CameraEvent) => {
    events.push(event);
    // A little longer than what is due, whose sum may have been rounded up.
    if (event.type === "lost") void clock.advance(event.retryIn! * 1000 + 1);
    // The fourth connection says nothing at all until it is given up.
    else if (connections(events) === 4) void clock.advance(61_000).then(late.resolve);
  };
  assert.equal(await take(server.url, 4, { ...FAST, clock, onEvent }), 4);
  const lost = events.filter((event) => event.type === "lost");
  assert.ok(lost.some((event) => event.error.code === "timeout"));
  assert.ok(lost.some((event) => event.error.code === "closed"));
  assert.equal(connections(events), 6);
});

Deno.test("cameraFrames() waits longer after each failure, and starts anew after a frame", async () => {
  const waits: number[] = [];
  const attempts: number[] = [];
  await using server = scripted((_, c, n) => n === 3 ? write(c, OK, PART) : Promise.resolve());
  const stop = new AbortController();
  const onEvent = (event: CameraEvent) => {
    if (event.type !== "lost") return;
    waits.push(event.retryIn!);
    attempts.push(event.attempt);
    if (attempts.length === 5) stop.abort();
  };
  await take(server.url, 9, { ...FAST, onEvent, signal: stop.signal });
  assert.deepEqual(attempts, [1, 2, 3, 1, 2]);
  waits.forEach((wait, i) => {
    const full = 0.02 * 2 ** (attempts[i]! - 1);
    assert.ok(wait <= full && wait >= full * 0.75, `${wait} of ${full}`);
  });
});

Deno.test("cameraFrames() gives up after the retries it was given", async () => {
  const url = `http://127.0.0.1:${freePort()}/stream.mjpg`;
  const retries: boolean[] = [];
  const onEvent = (e: CameraEvent) => e.type === "lost" && retries.push(e.retryIn !== undefined);
  await assert.rejects(take(url, 1, { ...FAST, retries: 2, onEvent }), {
    name: "ClipDriftError",
    code: "refused",
    message: new RegExp(`^Cannot connect to ${url}: connection refused; .*curl .*/health$`),
  });
  assert.deepEqual(retries, [true, true, false]);
});

Deno.test("cameraFrames() ends at once when it is aborted", async () => {
  await using server = scripted(async (_, c) => {
    await write(c, OK, PART);
    await c.read(new Uint8Array(1));
  });
  const stop = new AbortController();
  let frames = 0;
  for await (const _ of cameraFrames(server.url, { signal: stop.signal })) {
    frames++;
    setTimeout(() => stop.abort(), 5);
  }
  assert.equal(frames, 1);
});

async function failure(url: string, options?: CameraOptions): Promise<ClipDriftError> {
  try {
    using _ = await openCamera(url, { frameTimeout: 60, ...options });
  } catch (error) {
    assert.ok(error instanceof ClipDriftError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "the camera opened" });
}

Deno.test("openCamera() says what is wrong and what to do", async () => {
  const answers: [string, string, RegExp][] = [
    ["HTTP/1.0 404 Not Found\r\n\r\n", "not-found", /no such path; the stream is often at/],
    ["HTTP/1.0 500 Oops\r\n\r\n", "http-status", /status 500, expected 200$/],
    [
      "HTTP/1.0 401 No\r\nWWW-Authenticate: Basic\r\n\r\n",
      "unauthorized",
      /name:password@ before the host/,
    ],
    [
      "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<p>",
      "not-mjpeg",
      /this is a page; the stream itself/,
    ],
    ["HTTP/1.0 200 OK\r\nContent-Type: audio/wav\r\n\r\n", "not-mjpeg", /type is audio\/wav/],
    ["garbage\r\n\r\n", "not-mjpeg", /its type is not given/],
    ["", "closed", /Cannot go on reading .* closed the connection without an answer$/],
    ["HTTP/1.0 302 Found\r\nLocation: rtsp://x/\r\n\r\n", "http-status", /redirects to rtsp:/],
  ];
  await using server = scripted((_, c, n) => write(c, answers[n]![0]));
  for (const [, code, message] of answers) {
    const error = await failure(server.url);
    assert.equal(error.code, code);
    assert.match(error.message, message);
  }
  assert.equal((await failure("http://no-such-host.invalid/x")).code, "unreachable");
});

Deno.test("openCamera() gives up on a server that accepts and says nothing", async () => {
  const clock = new ManualClock();
  await using server = scripted(() => clock.advance(300));
  const error = await failure(server.url, { frameTimeout: 0.3, clock });
  assert.equal(error.code, "timeout");
  assert.match(error.message, /no answer for 0.3 s; check that the camera is on.*; try curl http/);
});

Deno.test("a camera that goes silent is reported with what came, and with what to do", async () => {
  const late = Promise.withResolvers<void>();
  await using server = scripted(async (_, c) => {
    await write(c, OK, PART.slice(0, -3), PART);
    await late.promise;
  });
  const clock = new ManualClock();
  const onTruncated = () => void clock.advance(300).then(late.resolve);
  const options = { ...FAST, frameTimeout: 0.3, clock, onTruncated, retries: 0 };
  await assert.rejects(take(server.url, 2, options), {
    code: "timeout",
    message: /no frame for 0.3 s; 1 of its frames were truncated; check that .*; try curl/,
  });
});

Deno.test("cameraFrames() waits as long as it is asked to, even if that is more than 30 s", async () => {
  await using server = scripted(() => Promise.resolve());
  const stop = new AbortController();
  const waits: number[] = [];
  const onEvent = (event: CameraEvent) => {
    if (event.type === "lost") waits.push(event.retryIn!);
    stop.abort();
  };
  await take(server.url, 1, { reconnectDelay: 60, onEvent, signal: stop.signal });
  assert.ok(waits[0]! >= 45 && waits[0]! <= 60, `${waits[0]}`);
});

Deno.test("openCamera() answers Basic and Digest, and hides the password", async () => {
  const challenges = [
    'Basic realm="cam"',
    'Digest realm="cam", qop="auth", nonce="abc", algorithm=SHA-256',
  ];
  for (const challenge of challenges) {
    const heads: string[] = [];
    await using server = scripted(async (head, c) => {
      heads.push(head);
      const isRight = head.includes("uthorization: ");
      await write(c, isRight ? OK : `HTTP/1.0 401 No\r\nWWW-Authenticate: ${challenge}\r\n\r\n`);
    });
    const url = server.url.replace("//", "//name:secret@");
    using camera = await openCamera(url);
    assert.match(camera.contentType, /^multipart/);
    assert.equal(heads.length, 2);
    assert.ok(!heads[0]!.includes("uthorization"));
    assert.ok(!heads[1]!.includes("secret"));
  }
  await using wrong = scripted((_, c) =>
    write(c, "HTTP/1.0 401 No\r\nWWW-Authenticate: Basic\r\n\r\n")
  );
  const error = await failure(wrong.url.replace("//", "//name:secret@"));
  assert.match(error.message, /name or password is wrong$/);
  assert.ok(!error.message.includes("secret"));
});

Deno.test("openCamera() says that a Digest password is wrong, however fresh the nonces are", async () => {
  for (const [stale, most] of [["", 2], [", stale=true", 3]] as const) {
    let requests = 0;
    await using wrong = scripted((_, c, n) => {
      requests = n + 1;
      const challenge = `Digest realm="cam", qop="auth", nonce="${n}"${stale}`;
      return write(c, `HTTP/1.0 401 No\r\nWWW-Authenticate: ${challenge}\r\n\r\n`);
    });
    const error = await failure(wrong.url.replace("//", "//name:secret@"));
    assert.equal(error.code, "unauthorized");
    assert.match(error.message, /name or password is wrong$/);
    assert.equal(requests, most);
  }
});

Deno.test("openCamera() says if a redirect withheld the password", async () => {
  let requests = 0;
  const challenge = "HTTP/1.0 401 No\r\nWWW-Authenticate: Basic\r\n\r\n";
  await using other = scripted((_, c, n) => (requests = n + 1, write(c, challenge)));
  await using server = scripted((_, c) =>
    write(c, `HTTP/1.0 302 Found\r\nLocation: ${other.url.replace("//", "//x:secret@")}\r\n\r\n`)
  );
  const error = await failure(server.url.replace("//", "//name:secret@"));
  assert.equal(error.code, "unauthorized");
  assert.match(error.message, /not sent, as a redirect led away/);
  assert.ok(!error.message.includes("secret"));
  assert.equal(requests, 1);
});

Deno.test("cameraFrames() hides the password if single images are not images", async () => {
  const head = "HTTP/1.0 200 OK\r\nContent-Type: image/png\r\n\r\n";
  await using server = scripted((_, c) => write(c, head, [0x89, 0x50, 0x4e, 0x47]));
  await assert.rejects(take(server.url.replace("//", "//a:secret@"), 1, { retries: 0 }), {
    code: "not-mjpeg",
    message: /^Cannot read http:\/\/127\.0\.0\.1:\d+\/stream.mjpg as MJPEG: its type is image\/png/,
  });
});

Deno.test("cameraFrames() says that a single image is truncated", async () => {
  const head = "HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n";
  await using server = scripted((_, c) => write(c, head, [0xff, 0xd8, 0xff, 0xda, 0, 2, 7]));
  await assert.rejects(take(server.url, 1, { retries: 0 }), {
    code: "not-mjpeg",
    message: /as MJPEG: found no complete image$/,
  });
});

Deno.test("openCamera() follows redirects, and keeps the password from other hosts", async () => {
  const heads: string[] = [];
  await using other = scripted(async (head, c) => {
    heads.push(head);
    await write(c, OK);
  });
  await using server = scripted((head, c) =>
    write(
      c,
      head.includes("uthorization: ")
        ? `HTTP/1.0 302 Found\r\nLocation: ${other.url}\r\n\r\n`
        : "HTTP/1.0 401 No\r\nWWW-Authenticate: Basic\r\n\r\n",
    )
  );
  using _ = await openCamera(server.url.replace("//", "//a:b@"));
  assert.equal(heads.length, 1);
  assert.ok(!heads[0]!.toLowerCase().includes("authorization"));
  await using circle = scripted((_, c) => write(c, "HTTP/1.0 302 Found\r\nLocation: /a\r\n\r\n"));
  assert.match((await failure(circle.url)).message, /too many redirects/);
});

Deno.test("serveCamera() says how it is at /health, and 404 elsewhere", async () => {
  await using server = await serveCamera({ frame: () => JPEG, fps: 50 });
  const health = await (await fetch(new URL("/health", server.url))).json();
  assert.equal(health.status, "ok");
  assert.equal(health.config.fps, 50);
  const missing = await fetch(new URL("/none", server.url));
  assert.equal(missing.status, 404);
  await missing.body?.cancel();
  const page = await fetch(new URL("/", server.url));
  assert.match(await page.text(), /stream.mjpg/);
});

Deno.test("serveCamera() ends its streams if a frame cannot be made, and says why", async () => {
  const frame = (i: number) => i < 2 ? JPEG : Promise.reject(new Error("no frame"));
  const server = await serveCamera({ frame, fps: 20 });
  await assert.rejects(take(server.url, 9, { ...FAST, retries: 0 }), ClipDriftError);
  await assert.rejects(server.close(), { message: "no frame" });
});

Deno.test("cameraFrames() takes frames that are never ended only if that is asked for", async () => {
  const open = [...PART.slice(0, -3), 13, 10];
  await using server = scripted((_, c) => write(c, OK, open, open, open));
  let truncated = 0;
  const options = { ...FAST, retries: 0, onTruncated: () => truncated++ };
  await assert.rejects(take(server.url, 9, options), { code: "closed" });
  assert.equal(truncated, 3);
  const accepted = cameraFrames(server.url, { ...options, acceptUnended: true });
  const { value } = await accepted.next();
  assert.deepEqual(value!.data, Uint8Array.of(...JPEG.slice(0, -2), 13, 10, 0xff, 0xd9));
  await accepted.return(undefined);
});

Deno.test("no secret of a URL is in errors and events, wherever it stands", async () => {
  const words: string[] = [];
  await using server = scripted((_, c) => write(c, "HTTP/1.0 404 No\r\n\r\n"));
  const url = `${server.url.replace("//", "//u:secret@")}?user=secret&loginpas=secret&fps=5`;
  const onEvent = (event: CameraEvent) => {
    if (event.type === "lost") words.push(event.url, event.error.message);
  };
  await assert.rejects(take(url, 1, { ...FAST, retries: 0, onEvent }));
  assert.equal(words.length, 2);
  for (const text of words) {
    assert.doesNotMatch(text, /secret/);
    assert.match(text, /user=\*\*\*&loginpas=\*\*\*&fps=5/);
  }
});
