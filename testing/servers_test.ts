/**
 * Every server and listening port of every command, held against those who do not belong there. How
 * the guarded site itself behaves at its limits is tested beside it.
 */
import { openReceiver, openSender } from "@vcs/transport/channel";
import { ignoreAbort, say } from "@vcs/transport/internal";
import { message } from "@vcs/transport/message";
import assert from "node:assert/strict";
import { serveCamera } from "../packages/clip-drift/camera/camera_server.ts";
import { sceneFrames } from "../packages/clip-drift/camera/scene.ts";
import { serveDashboard } from "../packages/clip-drift/page/dashboard.ts";
import { Hub } from "../packages/clip-drift/page/hub.ts";
import { FilmPage } from "../packages/together/page/film_page.ts";
import { PlayerServer } from "../packages/encodec-stream/page/player_server.ts";
import { rawGet, rawRequest, readUntil, UPGRADE } from "../packages/transport/testing/raw_http.ts";
import { freePort } from "../packages/transport/site/free_port.ts";
import { observe } from "../packages/video-vq/command/observed.ts";
import { ReceiverServer } from "../packages/video-vq/page/receiver_server.ts";
import { runSender } from "../packages/video-vq/page/sender.ts";
import { filesBelow, isPublished, readText } from "./house.ts";
import { holdIdle } from "./idle_connections.ts";
import { STARTS } from "./silent_viewers.ts";

/** Opens a server as its command does; gives its port. */
type Open = (stack: AsyncDisposableStack) => Promise<number>;

const portOf = (url: string) => Number(new URL(url).port);

/** A server of HTTP. */
interface Served {
  readonly open: Open;
  /** Whether what it sends may pause for as long as a listener likes. */
  readonly mayPause?: true;
  /** Where it is followed over a WebSocket. */
  readonly feed?: string;
  /** Where it is a channel over a WebSocket, whose strangers have places of their own. */
  readonly channel?: string;
  /** Where it answers without an end. */
  readonly stream?: string;
}

/** The servers of HTTP, by command. */
const SITES: Readonly<Record<string, Served>> = {
  "encodec-stream play": {
    mayPause: true,
    open: async (stack) => portOf(stack.use(await PlayerServer.open({})).url),
  },
  "video-vq page": {
    feed: "/copy",
    async open(stack) {
      const options = { site: {}, listen: "tcp://127.0.0.1:0", senderArgs: [] };
      const server = await ReceiverServer.open({ ...options, model: "vq-tiny", device: "cpu" });
      return portOf(stack.use(server).url);
    },
  },
  "video-vq page --to": {
    feed: "/feed",
    async open(stack) {
      const receiver = stack.use(await openReceiver("tcp://127.0.0.1:0"));
      const port = freePort();
      const stop = new AbortController();
      const size = { width: 32, height: 32 };
      const network = { model: "vq-tiny", device: "cpu", payload: "packed" } as const;
      const site = { port };
      const running = runSender({ to: receiver.url, ...network, size, fps: 1, site }, stop.signal)
        .catch(ignoreAbort(stop.signal));
      stack.defer(() => {
        stop.abort();
        return running;
      });
      await listens(port);
      return port;
    },
  },
  "video-vq encode --listen": {
    async open(stack) {
      const port = freePort();
      stack.use(await observe({ listen: { hostname: "127.0.0.1", port } }, () => ({ sent: 1 })));
      return port;
    },
  },
  "together decode --page": {
    feed: "/film",
    open: async (stack) => portOf(stack.use(await FilmPage.open()).url),
  },
  "a ws: receiver": {
    channel: "/",
    open: async (stack) => portOf(stack.use(await openReceiver("ws://127.0.0.1:0/")).url),
  },
  "clip-drift": {
    feed: "/live",
    open: async (stack) => stack.use(await serveDashboard(new Hub(300))).port,
  },
  "clip-drift view": {
    feed: "/live",
    open: async (stack) => stack.use(await serveDashboard(new Hub(0), { runs: "nowhere" })).port,
  },
  "clip-drift camera": {
    stream: "/stream.mjpg",
    async open(stack) {
      const frame = sceneFrames({ width: 32, height: 32, fps: 10 });
      return stack.use(await serveCamera({ frame })).port;
    },
  },
};

/** The listening ends of channels, and their other ends. */
const LISTENERS: Readonly<Record<string, string>> = {
  "tcp://127.0.0.1:0": "tcp:",
  "tcp://127.0.0.1:0?credits=1": "tcp:",
  "zmq+pull://127.0.0.1:0": "zmq+push:",
};

async function listens(port: number): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  assert.fail(`nobody listens on port ${port}`);
}

/** What port scanners, other protocols and broken clients send. */
const GARBAGE = [
  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\xaa".repeat(300),
  "SSH-2.0-scan\r\n",
  "\0".repeat(5000),
  "\xff".repeat(5000),
  "GET /\0 HTTP/9.9\r\n\r\n",
  "VCSM" + "\xff".repeat(60),
];

/** Ways out of a folder, and into files of this machine. */
const ESCAPES = [
  "/..%2f..%2f..%2fetc%2fpasswd",
  "/%2e%2e/%2e%2e/etc/passwd",
  "/../../etc/passwd",
  "/..%5c..%5cetc%5cpasswd",
  "/%252e%252e%252fetc/passwd",
  "//etc/passwd",
  "/picture/..%2f..%2fdeno.json",
  "/runs/..%2f..%2f..%2fetc/passwd",
  "/deno.json%00.html",
];

/** Holds many connections that say nothing; says so where they are fewer than wanted. */
async function manyIdle(port: number): Promise<AsyncDisposable> {
  const idle = await holdIdle(port);
  if (idle.count < 2000) say(`Only ${idle.count} idle connections: no more descriptors`);
  assert.ok(idle.count >= 100, `${idle.count}`);
  return idle;
}

async function othersMayNotLook(port: number): Promise<void> {
  const statusOf = async (headers: Record<string, string>, path = "/") =>
    (await rawGet(port, path, headers)).status;
  assert.equal(await statusOf({ host: `evil.example:${port}` }), 403, "foreign Host");
  assert.equal(await statusOf({ host: `127.0.0.1:${port + 1}` }), 403, "another port");
  assert.equal(await statusOf({ origin: "https://evil.example" }), 403, "foreign Origin");
  assert.equal(await statusOf({ origin: "null" }), 403, "Origin of a file");
  const image = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" };
  const embedded = { ...image, "sec-fetch-dest": "image" };
  for (const path of ["/", "/health", "/metrics", "/picture/0.jpg", "/stream.mjpg", "/live"]) {
    assert.equal(await statusOf(embedded, path), 403, `image of another site: ${path}`);
  }
}

async function noSocketForOthers(port: number, path: string): Promise<void> {
  for (const origin of ["http://evil.example", "null", `http://localhost:${port + 1}`]) {
    assert.equal((await rawGet(port, path, { ...UPGRADE, origin })).status, 403, origin);
  }
  const host = `evil.example:${port}`;
  assert.equal((await rawGet(port, path, { ...UPGRADE, host })).status, 403, host);
}

/** Viewers beyond the limit are turned away, also in one burst, and those who leave make room. */
async function viewersAreBounded(port: number, path: string, isFeed: boolean): Promise<void> {
  const head = Object.entries({ host: `127.0.0.1:${port}`, ...(isFeed && UPGRADE) })
    .map((line) => `${line.join(": ")}\r\n`).join("");
  const viewers: Deno.Conn[] = [];
  const join = async () => {
    const viewer = await Deno.connect({ hostname: "127.0.0.1", port });
    viewers.push(viewer);
    await viewer.write(new TextEncoder().encode(`GET ${path} HTTP/1.1\r\n${head}\r\n`));
    return (await readUntil(viewer, "\r\n\r\n")).slice(9, 12);
  };
  const joined = isFeed ? "101" : "200";
  const burst = await Promise.all(Array.from({ length: 36 }, join));
  assert.equal(burst.filter((status) => status === joined).length, 32, burst.join());
  assert.equal(burst.filter((status) => status === "503").length, 4, burst.join());
  for (const viewer of viewers.splice(0)) viewer.close();
  while (await join() !== joined);
  for (const viewer of viewers) viewer.close();
}

async function standsGarbage(port: number): Promise<void> {
  for (const garbage of GARBAGE) {
    const { status } = await rawRequest(port, `${garbage}\r\n\r\n`);
    assert.ok(status === 0 || status >= 400, `${status}`);
  }
}

async function standsLargeRequests(port: number): Promise<void> {
  const large = await rawGet(port, "/", { "x-long": "x".repeat(1_000_000) });
  assert.ok([0, 400, 431].includes(large.status), `${large.status}`);
  const head = `POST / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n`;
  const { status } = await rawRequest(port, `${head}Content-Length: 99999999999\r\n\r\n`);
  assert.ok(status === 0 || status >= 400, `${status}`);
}

/** Whether only this machine's own address is bound, where it has others. */
async function isOnLoopbackAlone(port: number): Promise<void> {
  const others = Deno.networkInterfaces().filter(({ family, address }) =>
    family === "IPv4" && address !== "127.0.0.1"
  );
  for (const hostname of ["127.0.0.2", ...others.map(({ address }) => address)]) {
    await assert.rejects(Deno.connect({ hostname, port }), hostname);
  }
}

for (const [command, { open, feed, channel, stream }] of Object.entries(SITES)) {
  Deno.test(`nobody gets in who does not belong: ${command}`, async () => {
    await using stack = new AsyncDisposableStack();
    const port = await open(stack);
    await isOnLoopbackAlone(port);
    await othersMayNotLook(port);
    for (const path of ESCAPES) assert.equal((await rawGet(port, path)).status, 404, path);
    await standsGarbage(port);
    await standsLargeRequests(port);
    const socket = feed ?? channel;
    if (socket !== undefined) await noSocketForOthers(port, socket);
    if (feed !== undefined) await viewersAreBounded(port, feed, true);
    if (stream !== undefined) await viewersAreBounded(port, stream, false);
    await using _idle = await manyIdle(port);
    const { status } = await rawGet(port, "/");
    assert.ok([200, 404, 426].includes(status), `${status} beside idle connections`);
  });
}

for (const [url, other] of Object.entries(LISTENERS)) {
  Deno.test(`strangers at a port keep no peer out: ${url}`, async () => {
    await using receiver = await openReceiver(url);
    const port = portOf(receiver.url);
    await isOnLoopbackAlone(port);
    const strangers: Deno.Conn[] = [];
    for (const garbage of [...GARBAGE, `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`]) {
      const stranger = await Deno.connect({ hostname: "127.0.0.1", port });
      strangers.push(stranger);
      await stranger.write(Uint8Array.from(garbage, (character) => character.charCodeAt(0)));
    }
    await using _idle = await manyIdle(port);
    await using sender = await openSender(receiver.url.replace(/^[\w+]+:/, other));
    const sending = sender.send(message(Uint8Array.of(7), { sequence: 0 }));
    const delivery = await receiver.receive();
    assert.deepEqual([...delivery!.message.payload], [7]);
    await delivery!.accept();
    await sending;
    for (const stranger of strangers) stranger.close();
  });
}

Deno.test("every server that sends without end is tried by viewers that never read", () => {
  const endless = Object.entries(SITES).filter(([, { feed, stream, mayPause }]) =>
    feed ?? stream ?? mayPause
  );
  assert.deepEqual(Object.keys(STARTS).toSorted(), endless.map(([name]) => name).toSorted());
});

/** Files that begin to listen; each is in one of the tables above, or is what they stand on. */
const LISTENING = [
  "packages/clip-drift/camera/camera_server.ts", // clip-drift camera
  "packages/clip-drift/page/dashboard.ts", // clip-drift, clip-drift view
  "packages/encodec-stream/page/player_server.ts", // encodec-stream play
  "packages/together/page/film_page.ts", // together decode --page
  "packages/transport/channels/connections.ts", // tcp:, zmq…:
  "packages/transport/channels/ws/listen.ts", // ws:, on the guarded site
  "packages/transport/site/free_port.ts", // looks whether a port is free, and closes
  "packages/transport/site/site.ts", // the guarded site
  "packages/video-vq/command/observed.ts", // --listen
  "packages/video-vq/page/receiver_server.ts", // video-vq page
  "packages/video-vq/page/sender.ts", // video-vq page --to
];

Deno.test("no command listens that is not in these tables", async () => {
  const listening: string[] = [];
  for (const path of (await filesBelow("packages")).filter(isPublished)) {
    const code = (await readText(path)).replace(/^ *(\/\*)?\*.*$/gm, "");
    if (/\b(Site\.open|Deno\.(serve|listen\w*)|createServer)\(/.test(code)) listening.push(path);
  }
  assert.deepEqual(listening, LISTENING);
});
