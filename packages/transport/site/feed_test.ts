import assert from "node:assert/strict";
import { ManualClock } from "../flow/clock.ts";
import { rawGet, readUntil, UPGRADE, writeAll } from "../testing/raw_http.ts";
import { Site } from "./site.ts";
import { Feed, type FeedOptions } from "./feed.ts";

const moment = () => new Promise((resolve) => setTimeout(resolve, 1));

async function withFeed(
  options: FeedOptions,
  test: (feed: Feed, site: Site) => Promise<void>,
): Promise<void> {
  const feed = new Feed(options);
  await using site = await Site.open({ routes: { "GET /live": feed } });
  await test(feed, site);
}

function upgradeOf(port: number): string {
  const lines = Object.entries({ host: `127.0.0.1:${port}`, ...UPGRADE });
  return `GET /live HTTP/1.1\r\n${lines.map((line) => `${line.join(": ")}\r\n`).join("")}\r\n`;
}

/** A viewer that has said hello and then neither reads nor writes. */
async function silentViewer({ port }: Site): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await writeAll(connection, upgradeOf(port));
  assert.match(await readUntil(connection, "\r\n\r\n"), /^HTTP\/1\.1 101/);
  return connection;
}

/** Reads as a viewer does, whose pings are answered, until a text has come. */
async function readAnswering(
  connection: Deno.TcpConn,
  isEnough: (all: string) => boolean,
): Promise<string> {
  let all = "";
  let answered = 0;
  const bytes = new Uint8Array(1 << 16);
  while (!isEnough(all)) {
    const length = (await connection.read(bytes))!;
    all += String.fromCharCode(...bytes.subarray(0, length));
    for (let at; (at = all.indexOf("\x89\x08", answered)) >= 0 && at + 10 <= all.length;) {
      answered = at + 10;
      const pong = `\x8a\x88\0\0\0\0${all.slice(at + 2, at + 10)}`;
      await writeAll(connection, pong);
    }
  }
  return all;
}

interface Listening {
  readonly socket: WebSocket;
  readonly got: (string | number)[];
  readonly closed: Promise<number>;
}

/** The platform's own client: texts as they are, and lengths of binary messages. */
async function listen({ port }: Site): Promise<Listening> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/live`);
  socket.binaryType = "arraybuffer";
  const got: (string | number)[] = [];
  socket.onmessage = ({ data }) => void got.push(typeof data === "string" ? data : data.byteLength);
  const closed = new Promise<number>((resolve) => socket.onclose = ({ code }) => resolve(code));
  await new Promise((resolve) => socket.onopen = resolve);
  return { socket, got, closed };
}

Deno.test("viewers get every message of any size, in order, and are gone when they leave", async () => {
  const heard: string[] = [];
  let left = 0;
  const options: FeedOptions = {
    waiting: 1 << 20,
    onJoin: (viewer) => (viewer.send("hello"), () => void left++),
    onMessage: (text) => void heard.push(text),
  };
  await withFeed(options, async (feed, site) => {
    const viewers = [await listen(site), await listen(site)];
    for (const size of [0, 125, 126, 65535, 65536, 300_000]) feed.send(new Uint8Array(size));
    feed.send("schön");
    for (const { got, socket, closed } of viewers) {
      while (got.length < 8) await moment();
      assert.deepEqual(got, ["hello", 0, 125, 126, 65535, 65536, 300_000, "schön"]);
      socket.send("quit");
      while (heard.length === 0) await moment();
      socket.close();
      assert.equal(await closed, 1000);
      heard.length = 0;
    }
    while (feed.viewers > 0) await moment();
    assert.deepEqual([left, feed.dropped], [2, 0]);
  });
});

Deno.test("a viewer that does not read holds a bound, gets the newest, and misses the rest", async () => {
  const waiting = 100_000;
  let held = 0;
  let watch = () => {};
  const options: FeedOptions = {
    waiting,
    clock: new ManualClock(),
    onJoin: (viewer) => {
      watch = () => held = Math.max(held, viewer.waiting);
    },
  };
  await withFeed(options, async (feed, site) => {
    using connection = await silentViewer(site);
    const text = (n: number) => `${n} `.padEnd(30_000, ".");
    let sent = 0;
    for (; feed.dropped < 50; sent++) {
      feed.send(text(sent));
      watch();
      if (sent % 10 === 0) await moment();
    }
    assert.ok(held <= waiting + 30_010, `${held}`);
    feed.send("old state", "state");
    feed.send("new state", "state");
    const all = await readAnswering(connection, (text) => text.includes("new state"));
    assert.ok(!all.includes("old state"));
    const numbers = [...all.matchAll(/(\d+) \.{9}/g)].map(([, n]) => Number(n));
    assert.equal(numbers.at(-1), sent - 1);
    assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b));
    assert.equal(numbers.length, sent - feed.dropped + 1);
    // However much the system would take for it, it is no further behind than its bound.
    assert.ok(numbers.length <= 6, `${numbers}`);
  });
});

Deno.test("a viewer that stays stuck is cut off, one that reads slowly is not", async () => {
  const clock = new ManualClock();
  await withFeed({ clock, stuckAfter: 3000, waiting: 1 << 20 }, async (feed, site) => {
    using connection = await silentViewer(site);
    const fill = async (dropped: number) => {
      while (feed.dropped < dropped) {
        feed.send(new Uint8Array(200_000));
        await moment();
      }
    };
    await fill(1);
    for (let round = 0; round < 3; round++) {
      let isRead = false;
      const reading = readAnswering(connection, ({ length }) => length >= 400_000)
        .finally(() => isRead = true);
      // Little may wait for it, as it had read nothing for a while: it gets the rest as it reads.
      while (!isRead) await fill(feed.dropped + 1);
      await reading;
      await clock.advance(3000);
      await moment();
      assert.equal(feed.viewers, 1);
    }
    await fill(feed.dropped + 100);
    // Nothing more is sent: it is owed enough.
    while (feed.viewers > 0) {
      await clock.advance(3000);
      await moment();
    }
    assert.ok(feed.dropped >= 100);
  });
});

Deno.test("a viewer that reads nothing is cut off, however little it is sent", async () => {
  const clock = new ManualClock();
  await withFeed({ clock, stuckAfter: 3000 }, async (feed, site) => {
    using _connection = await silentViewer(site);
    feed.send("hello");
    while (feed.viewers > 0) {
      await moment();
      await clock.advance(3000);
    }
  });
});

Deno.test("little waits for a viewer that has read nothing for a second, however much may", async () => {
  const clock = new ManualClock();
  let waits = () => 0;
  const options: FeedOptions = {
    clock,
    waiting: 32 << 20,
    onJoin: (viewer) => void (waits = () => viewer.waiting),
  };
  await withFeed(options, async (feed, site) => {
    using connection = await silentViewer(site);
    const fill = () => {
      for (let i = 0; i < 100; i++) feed.send(new Uint8Array(100_000).fill(46));
    };
    fill();
    assert.ok(waits() > 9_000_000, `${waits()}`);
    for (let passed = 0; passed < 1000; passed += 100) await clock.advance(100);
    const short = 256 * 1024 + 100_010;
    assert.ok(waits() <= short, `${waits()}`);
    fill();
    assert.ok(waits() <= short, `${waits()}`);
    feed.send("the newest");
    await readAnswering(connection, (text) => text.includes("the newest"));
    fill();
    assert.ok(waits() > 9_000_000, `${waits()}`);
  });
});

Deno.test("viewers beyond the bound, and what is no WebSocket, are refused", async () => {
  await withFeed({ viewers: 1 }, async (feed, site) => {
    const { port } = site;
    assert.equal((await rawGet(port, "/live")).status, 426);
    const version = { ...UPGRADE, "sec-websocket-version": "8" };
    assert.equal((await rawGet(port, "/live", version)).status, 400);
    assert.equal(
      (await rawGet(port, "/live", { ...UPGRADE, "sec-websocket-key": "x" })).status,
      400,
    );
    assert.equal((await rawGet(port, "/none", UPGRADE)).status, 404);
    using first = await silentViewer(site);
    const second = await rawGet(port, "/live", UPGRADE);
    assert.equal(second.status, 503);
    assert.match(second.text, /"error":"too-many-clients"/);
    first.close();
    while (feed.viewers > 0) await moment();
    (await silentViewer(site)).close();
  });
});

Deno.test("a viewer that says too much is sent away with the code that says why", async () => {
  const heard: string[] = [];
  await withFeed({ onMessage: (text) => void heard.push(text) }, async (_feed, site) => {
    const viewer = await listen(site);
    viewer.socket.send("x".repeat(126));
    assert.equal(await viewer.closed, 1009);
    const other = await listen(site);
    other.socket.send("x".repeat(125));
    while (heard.length === 0) await moment();
    other.socket.close();
    await other.closed;
  });
});

Deno.test("what comes with the request is heard, and a ping is answered", async () => {
  const heard: string[] = [];
  await withFeed({ onMessage: (text) => void heard.push(text) }, async (_feed, { port }) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    // Masked with zeros: "hi" as text, and "yo" as a ping.
    const frames = "\x81\x82\0\0\0\0hi\x89\x82\0\0\0\0yo";
    await writeAll(connection, upgradeOf(port) + frames);
    assert.ok((await readUntil(connection, "yo")).includes("\x02yo"));
    assert.deepEqual(heard, ["hi"]);
  });
});

Deno.test("closing a site says goodbye to its viewers", async () => {
  const feed = new Feed();
  const site = await Site.open({ routes: { "GET /live": feed } });
  const { closed } = await listen(site);
  await site[Symbol.asyncDispose]();
  assert.equal(await closed, 1001);
});
