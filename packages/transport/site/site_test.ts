import assert from "node:assert/strict";
import { rawGet, rawRequest, readUntil, UPGRADE, writeAll } from "../testing/raw_http.ts";
import { Site, type SiteOptions } from "./site.ts";
import { SiteError } from "./error.ts";
import { Feed } from "./feed.ts";

const SECURE = {
  "content-security-policy": /default-src 'self'.*frame-ancestors 'none'/,
  "cross-origin-resource-policy": /^same-origin$/,
  "cross-origin-opener-policy": /^same-origin$/,
  "referrer-policy": /^no-referrer$/,
  "x-content-type-options": /^nosniff$/,
  "cache-control": /^no-(store|cache)$/,
};

const SCRIPT = 'document.title = "größer";';

async function withSite(options: SiteOptions, test: (site: Site) => Promise<void>): Promise<void> {
  await using site = await Site.open({
    assets: { "/": "<title>page</title>", "/page.js": SCRIPT },
    ...options,
  });
  await test(site);
}

async function errorOf(response: Response): Promise<[number, string]> {
  const { error, message } = await response.json();
  assert.equal(typeof message, "string");
  assert.doesNotMatch(message, /\bat .*:\d+:\d+/);
  return [response.status, error];
}

Deno.test("files are served by list, with type, ETag and strict headers; HEAD works", async () => {
  await withSite({}, async ({ url }) => {
    const page = await fetch(url);
    assert.equal(await page.text(), "<title>page</title>");
    assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
    const etag = page.headers.get("etag")!;
    const again = await fetch(url, { headers: { "if-none-match": etag } });
    assert.deepEqual([again.status, await again.text()], [304, ""]);
    const head = await fetch(`${url}page.js`, { method: "HEAD" });
    assert.equal(head.headers.get("content-type"), "text/javascript; charset=utf-8");
    const { length } = new TextEncoder().encode(SCRIPT);
    assert.equal(Number(head.headers.get("content-length")), length);
    assert.equal(await head.text(), "");
    const none = await fetch(`${url}none`);
    for (const [name, expected] of Object.entries(SECURE)) {
      for (const response of [page, again, head, none]) {
        assert.match(response.headers.get(name) ?? "", expected, name);
      }
    }
    assert.deepEqual(await errorOf(none), [404, "not-found"]);
    assert.deepEqual(await errorOf(await fetch(url, { method: "POST" })), [
      405,
      "method-not-allowed",
    ]);
  });
});

Deno.test("a foreign Host is refused before anything is served", async () => {
  await withSite({}, async ({ port }) => {
    const statusOf = async (host: string) => (await rawGet(port, "/", { host })).status;
    for (const host of ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"]) {
      assert.equal(await statusOf(`${host}:${port}`), 200, host);
    }
    for (
      const host of [
        "evil.example",
        `evil.example:${port}`,
        "127.0.0.1",
        `127.0.0.1:${port + 1}`,
        `127.0.0.1.evil.example:${port}`,
        `user@127.0.0.1:${port}`,
        `127.0.0.2:${port}`,
        `[::ffff:127.0.0.1]:${port}`,
      ]
    ) assert.equal(await statusOf(host), 403, host);
    const twice = `Host: 127.0.0.1:${port}\r\nHost: evil.example\r\nConnection: close\r\n`;
    const { status } = await rawRequest(port, `GET / HTTP/1.1\r\n${twice}\r\n`);
    assert.ok(status === 400 || status === 403, `${status}`);
    assert.equal((await rawRequest(port, "GET / HTTP/1.0\r\n\r\n")).status, 403);
    const absolute = await rawGet(port, `http://evil.example/`);
    assert.equal(absolute.status, 400);
    for (const [name, expected] of Object.entries(SECURE)) {
      assert.match(absolute.text, new RegExp(`${name}: ${expected.source.replace(/[\^$]/g, "")}`));
    }
  });
});

Deno.test("Host and Origin are held against the site, not against each other", async () => {
  const feed = new Feed();
  await withSite({ routes: { "GET /live": feed } }, async ({ port }) => {
    const ask = async (headers: Record<string, string>) =>
      (await rawGet(port, "/live", { ...UPGRADE, ...headers })).status;
    const evil = `evil.example:${port}`;
    assert.equal(await ask({ host: evil, origin: `http://${evil}` }), 403);
    assert.equal(await ask({ origin: "http://evil.example" }), 403);
    assert.equal(await ask({ origin: `http://127.0.0.1:${port + 1}` }), 403);
    assert.equal(await ask({ origin: "null" }), 403);
    assert.equal(feed.viewers, 0);
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const lines = Object.entries({ ...UPGRADE, origin: `http://localhost:${port}` });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    await writeAll(connection, `GET /live HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${head}\r\n`);
    assert.match(await readUntil(connection, "\r\n\r\n"), /^HTTP\/1\.1 101/);
    assert.equal(feed.viewers, 1);
  });
});

Deno.test("another site may link to a page, and neither embed, load nor send", async () => {
  const routes = { "POST /do": () => new Response("done") };
  await withSite({ routes }, async ({ port, url }) => {
    const ask = async (site: string, mode: string, dest: string, path = "/", method = "GET") => {
      const headers = {
        "sec-fetch-site": site,
        "sec-fetch-mode": mode,
        "sec-fetch-dest": dest,
      };
      return (await rawGet(port, path, headers, method)).status;
    };
    assert.equal(await ask("cross-site", "no-cors", "image"), 403);
    assert.equal(await ask("same-site", "no-cors", "script", "/page.js"), 403);
    assert.equal(await ask("cross-site", "navigate", "iframe"), 403);
    assert.equal(await ask("cross-site", "navigate", "document", "/do", "POST"), 403);
    assert.equal(await ask("cross-site", "navigate", "document"), 200);
    assert.equal(await ask("same-origin", "cors", "empty"), 200);
    const foreign = { headers: { origin: "https://evil.example" }, method: "POST" };
    assert.deepEqual(await errorOf(await fetch(`${url}do`, foreign)), [403, "foreign-origin"]);
  });
});

Deno.test("beyond loopback a random token is needed, and a cookie named by port keeps it", async () => {
  await withSite({ hostname: "0.0.0.0" }, async ({ port, url }) => {
    const token = new URL(url).searchParams.get("token")!;
    assert.match(token, /^[0-9a-f]{32}$/);
    const base = `http://127.0.0.1:${port}`;
    const statusOf = async (path: string, headers = {}) => {
      const response = await fetch(base + path, { headers });
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await statusOf("/"), 401);
    assert.equal(await statusOf(`/?token=${token.slice(0, -1)}`), 401);
    assert.equal(await statusOf("/?token="), 401);
    assert.equal(await statusOf("/page.js", { authorization: `Bearer ${token}` }), 200);
    const entered = await fetch(`${base}/?token=${token}&view=1`, {
      redirect: "manual",
      headers: { accept: "text/html" },
    });
    await entered.body?.cancel();
    assert.deepEqual([entered.status, entered.headers.get("location")], [303, "/?view=1"]);
    const cookie = entered.headers.get("set-cookie")!;
    assert.equal(cookie, `vcs_${port}=${token}; HttpOnly; SameSite=Strict; Path=/`);
    const pair = cookie.split(";")[0]!;
    assert.equal(await statusOf("/", { cookie: `vcs_1=other; ${pair}` }), 200);
    assert.equal(await statusOf("/", { cookie: pair.replace(`vcs_${port}`, "vcs_1") }), 401);
    assert.equal(await statusOf("/", { cookie: `vcs_${port}=%ff` }), 401);
    assert.equal((await rawGet(port, `/?token=${token}`, { host: "evil.example" })).status, 403);
  });
});

Deno.test("listening everywhere, a site is served as the address that was reached or given", async () => {
  const options = { hostname: "0.0.0.0", token: "secret", names: ["pi.example", "out.example:99"] };
  await withSite(options, async ({ port }) => {
    const statusOf = async (host: string, hostname = "127.0.0.1") => {
      using connection = await Deno.connect({ hostname, port });
      await writeAll(
        connection,
        `GET /?token=secret HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
      return Number((await readUntil(connection)).slice(9, 12));
    };
    assert.equal(await statusOf(`pi.example:${port}`), 200);
    assert.equal(await statusOf("out.example:99"), 200);
    assert.equal(await statusOf(`${Deno.hostname()}:${port}`), 200);
    assert.equal(await statusOf(`127.0.0.9:${port}`, "127.0.0.9"), 200);
    assert.equal(await statusOf(`127.0.0.9:${port}`), 403);
    assert.equal(await statusOf("pi.example"), 403);
  });
});

Deno.test("behind a proxy, a site is shown under the proxy's URL, whether it passes its path on or not", async () => {
  const behind = new URL("https://pi.example/cameras/");
  const routes = { "GET /ping": () => Response.json("pong") };
  await withSite({ behind, routes }, async ({ port, url }) => {
    assert.match(url, /^https:\/\/pi\.example\/cameras\/\?token=[0-9a-f]{32}$/);
    const { search } = new URL(url);
    const ask = async (path: string, more: Record<string, string> = {}) =>
      await rawGet(port, path, { host: "pi.example", ...more });
    assert.equal((await ask("/cameras/")).status, 401);
    for (const path of ["/", "/cameras/"]) {
      const { status, text } = await ask(`${path}${search}`, { accept: "text/html" });
      assert.equal(status, 303);
      assert.match(text, /^location: \/cameras\/\r$/mi);
      const cookie = /^set-cookie: (.*?); .*Path=\/cameras\/\r$/mi.exec(text)?.[1];
      assert.ok(cookie !== undefined, text);
      const origin = "https://pi.example";
      assert.equal((await ask(`${path}ping`, { cookie, origin })).status, 200);
      assert.equal((await ask(`${path}ping`, { cookie, origin: "https://x.example" })).status, 403);
      assert.equal((await ask(`${path}ping`, { cookie, host: "x.example" })).status, 403);
      assert.equal((await ask(`${path}none`, { cookie })).status, 404);
    }
  });
});

Deno.test("no path leads out: escapes, dots and backslashes are not found", async () => {
  const routes = { "GET /file/:name": ({ groups }: { groups: object }) => Response.json(groups) };
  await withSite({ routes }, async ({ port }) => {
    assert.match((await rawGet(port, "/file/a.jpg?x=%2e")).text, /{"name":"a\.jpg"}/);
    for (
      const path of [
        "/file/..%2f..%2fetc%2fpasswd",
        "/file/%2e%2e",
        "/file/a%00.jpg",
        "/%66ile/a.jpg",
        "/../etc/passwd",
        "/file/../../etc/passwd",
        "/file\\..\\x",
        "//file/a.jpg",
        "/file/",
        "/FILE/a.jpg",
      ]
    ) assert.equal((await rawGet(port, path)).status, 404, path);
  });
});

Deno.test("oversized heads and bodies, and what is no HTTP, are refused by type", async () => {
  let taken = 0;
  const take = async ({ request }: { request: Request }) => {
    taken = (await request.bytes()).length;
    return new Response("taken");
  };
  await withSite({ routes: { "POST /take": take }, body: 1000 }, async ({ port, url }) => {
    const head = await rawGet(port, "/", { "x-long": "x".repeat(20_000) });
    assert.equal(head.status, 431);
    assert.match(head.text, /"error":"head-too-large"/);
    assert.equal((await rawRequest(port, "\x16\x03\x01\x02garbage\r\n\r\n")).status, 400);
    assert.equal((await rawRequest(port, "\r\nnothing\0 at all\r\n\r\n")).status, 400);
    const post = (body: BodyInit) => fetch(`${url}take`, { method: "POST", body });
    assert.equal(await (await post("x".repeat(1000))).text(), "taken");
    assert.equal(taken, 1000);
    assert.deepEqual(await errorOf(await post("x".repeat(1001))), [413, "too-large"]);
    // Refused by its head: the body has not come, and need not.
    const announced = `POST /take HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 1001\r\n`;
    assert.equal((await rawRequest(port, `${announced}\r\n`)).status, 413);
    const chunk = `400\r\n${"x".repeat(0x400)}\r\n`;
    const chunked =
      `POST /take HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nTransfer-Encoding: chunked\r\n`;
    const { status, text } = await rawRequest(port, `${chunked}\r\n${chunk.repeat(3)}0\r\n\r\n`);
    assert.equal(status, 413);
    assert.match(text, /"error":"too-large"/);
    assert.equal(taken, 1000);
  });
});

Deno.test("an unfinished head or body is ended", async () => {
  const routes = {
    "POST /take": async ({ request }: { request: Request }) => {
      await request.bytes();
      return new Response();
    },
  };
  await withSite({ headTimeout: 100 }, async ({ port }) => {
    for (const text of ["", "GET / HTTP/1.1\r\nHo"]) {
      assert.equal((await rawRequest(port, text)).status, 408, text);
    }
  });
  await withSite({ routes, headTimeout: 100, requestTimeout: 200 }, async ({ port }) => {
    const head = `POST /take HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 9\r\n\r\n`;
    assert.equal((await rawRequest(port, `${head}half`)).status, 408);
  });
});

Deno.test("connections beyond the bound are turned away while all ask, and room comes back", async () => {
  const answer = Promise.withResolvers<Response>();
  const all = Promise.withResolvers<void>();
  let asking = 0;
  const wait = async () => {
    if (++asking === 20) all.resolve();
    return (await answer.promise).clone();
  };
  await withSite({ connections: 20, routes: { "GET /wait": wait } }, async ({ port, url }) => {
    const waiting = Promise.all(Array.from({ length: 20 }, () => rawGet(port, "/wait")));
    await all.promise;
    const refused = await rawGet(port, "/");
    assert.equal(refused.status, 503);
    assert.match(refused.text, /"error":"too-many-clients"/);
    answer.resolve(new Response("now"));
    for (const { status } of await waiting) assert.equal(status, 200);
    let status = 503;
    while (status === 503) ({ status } = await rawGet(port, "/"));
    assert.equal(status, 200);
    assert.equal(await (await fetch(url)).text(), "<title>page</title>");
  });
});

Deno.test("connections that ask nothing make room for those that do, the oldest first", async () => {
  await withSite({ connections: 20 }, async ({ port }) => {
    const idle: Deno.Conn[] = [];
    for (let i = 0; i < 20; i++) idle.push(await Deno.connect({ hostname: "127.0.0.1", port }));
    assert.equal((await rawGet(port, "/")).status, 200);
    const first = await idle[0]!.read(new Uint8Array(1)).catch(() => null);
    assert.equal(first, null, "the oldest has been closed");
    for (const connection of idle) connection.close();
  });
});

Deno.test("handlers' errors are typed, and unexpected ones say nothing", async () => {
  const errors: unknown[] = [];
  const routes = {
    "GET /typed": () => Promise.reject(new SiteError("unprocessable", "no such song")),
    "GET /odd": () => Promise.reject(new Error("/home/me/secret")),
  };
  await withSite({ routes, onError: (error) => errors.push(error) }, async ({ url }) => {
    assert.deepEqual(await errorOf(await fetch(`${url}typed`)), [422, "unprocessable"]);
    const odd = await fetch(`${url}odd`);
    assert.doesNotMatch(await odd.clone().text(), /secret/);
    assert.deepEqual(await errorOf(odd), [500, "internal"]);
    assert.equal(errors.length, 1);
  });
});

Deno.test("a handler learns that its client has gone, and a response ends there", async () => {
  const gone = Promise.withResolvers<void>();
  let isReleased = false;
  async function* endless() {
    try {
      for (;;) {
        yield new Uint8Array(10_000);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } finally {
      isReleased = true;
    }
  }
  const routes = {
    "GET /endless": ({ request }: { request: Request }) => {
      request.signal.addEventListener("abort", () => gone.resolve());
      return new Response(ReadableStream.from(endless()));
    },
  };
  await withSite({ routes }, async ({ url }) => {
    const reader = (await fetch(`${url}endless`)).body!.getReader();
    await reader.read();
    await reader.cancel();
    await gone.promise;
    while (!isReleased) await new Promise((resolve) => setTimeout(resolve, 1));
  });
});

Deno.test("an answer of which a client takes nothing is cut", async () => {
  let [made, open] = [0, 0];
  async function* endless() {
    made = ++open;
    try {
      for (;;) yield await Promise.resolve(new Uint8Array(100_000));
    } finally {
      open--;
    }
  }
  const routes = { "GET /": () => new Response(ReadableStream.from(endless())) };
  await using site = await Site.open({ routes, stuckAfter: 20 });
  using viewer = await Deno.connect({ hostname: "127.0.0.1", port: site.port });
  await writeAll(viewer, `GET / HTTP/1.1\r\nHost: 127.0.0.1:${site.port}\r\n\r\n`);
  while (made === 0 || open > 0) await new Promise((resolve) => setTimeout(resolve, 10));
});

Deno.test("what is answered to a client that has gone already is let go", async () => {
  const asked = Promise.withResolvers<AbortSignal>();
  const answer = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<void>();
  const body = () =>
    new ReadableStream({
      pull: (made) => made.enqueue(new Uint8Array(1000)),
      cancel: () => cancelled.resolve(),
    });
  const routes = {
    "GET /": async ({ request }: { request: Request }) => {
      asked.resolve(request.signal);
      await answer.promise;
      return new Response(body());
    },
  };
  await using site = await Site.open({ routes });
  const viewer = await Deno.connect({ hostname: "127.0.0.1", port: site.port });
  await writeAll(viewer, `GET / HTTP/1.1\r\nHost: 127.0.0.1:${site.port}\r\n\r\n`);
  const signal = await asked.promise;
  viewer.close();
  while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 1));
  answer.resolve();
  await cancelled.promise;
});

Deno.test("closing ends hanging clients, viewers and responses, whatever they do", async () => {
  let isReleased = false;
  async function* slow() {
    try {
      for (;;) yield await Promise.resolve(new Uint8Array(100_000));
    } finally {
      isReleased = true;
    }
  }
  const feed = new Feed();
  const routes = {
    "GET /live": feed,
    "GET /slow": () => new Response(ReadableStream.from(slow())),
    "GET /never": ({ request }: { request: Request }) =>
      new Promise<Response>((resolve) =>
        request.signal.addEventListener("abort", () => resolve(new Response("the last word")))
      ),
  };
  const site = await Site.open({ routes });
  const open = async (text: string) => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: site.port });
    await writeAll(connection, text);
    return connection;
  };
  const host = `Host: 127.0.0.1:${site.port}\r\n`;
  const upgrade = Object.entries(UPGRADE).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const clients = await Promise.all([
    open(""),
    open("GET / HT"),
    open(`GET /slow HTTP/1.1\r\n${host}\r\n`),
    open(`GET /never HTTP/1.1\r\n${host}\r\n`),
    open(`GET /live HTTP/1.1\r\n${host}${upgrade}\r\n`),
  ]);
  while (feed.viewers === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await site[Symbol.asyncDispose]();
  assert.ok(isReleased);
  assert.equal(feed.viewers, 0);
  const texts = await Promise.all(clients.map((client) => readUntil(client)));
  assert.match(texts[3]!, /the last word/);
  for (const client of clients) client.close();
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port: site.port }));
});

Deno.test("a signal that comes while a site opens closes it", async () => {
  const stop = new AbortController();
  const opening = Site.open({ signal: stop.signal });
  stop.abort();
  await using site = await opening;
  await assert.rejects(fetch(site.url));
});

Deno.test("a signal closes a site, and a taken port is said plainly", async () => {
  const stop = new AbortController();
  const site = await Site.open({ signal: stop.signal });
  const { port } = site;
  await assert.rejects(Site.open({ port }), {
    name: "AddrInUse",
    message: `Cannot serve on 127.0.0.1:${port}: the port is in use; choose another, or 0 for any`,
  });
  stop.abort();
  while (await rawGet(port, "/").then(() => true, () => false));
  await site[Symbol.asyncDispose]();
  await assert.rejects(Site.open({ signal: stop.signal }));
});
