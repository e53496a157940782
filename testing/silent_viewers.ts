/**
 * Viewers that never read, before each server whose answer has no end: a process of its own serves,
 * feeds quickly, is watched by such viewers, and says what they made it hold until they were gone.
 * Linux alone says which sockets a process has.
 *
 * @module
 */
import { openReceiver } from "@vcs/transport/channel";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { serveCamera } from "../packages/clip-drift/camera/camera_server.ts";
import { serveDashboard } from "../packages/clip-drift/page/dashboard.ts";
import { type CameraFeed, Hub } from "../packages/clip-drift/page/hub.ts";
import { formatHeader } from "../packages/encodec-stream/container/header.ts";
import { PlayerServer } from "../packages/encodec-stream/page/player_server.ts";
import { FilmPage } from "../packages/together/page/film_page.ts";
import { freePort } from "../packages/transport/site/free_port.ts";
import { readUntil, UPGRADE, writeAll } from "../packages/transport/testing/raw_http.ts";
import { ReceiverServer } from "../packages/video-vq/page/receiver_server.ts";
import { runSender } from "../packages/video-vq/page/sender.ts";

/** Viewers at a time. */
const VIEWERS = 24;
/** Messages, or pieces of an answer, that one who reads waits for. */
const PIECES = 100;
/** A state in the kernel's table of sockets. */
const LISTENING = "0A";

/** A server that is fed. */
interface Fed {
  readonly port: number;
  /** What is watched of it, one path a viewer, again and again. */
  readonly paths: readonly string[];
  /** Whether one who reads nothing may have paused, and stays. Each has work of its own done. */
  readonly mayPause?: true;
}

type Start = (stack: AsyncDisposableStack) => Promise<Fed>;

/** A picture of so many bytes, in which no two are alike. */
function noise(bytes: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65_536) {
    crypto.getRandomValues(all.subarray(at, at + 65_536));
  }
  return all;
}

/** Does something some times a second until the stack ends. */
function often(stack: AsyncDisposableStack, milliseconds: number, act: () => unknown): void {
  const timer = setInterval(act, milliseconds);
  stack.defer(() => clearInterval(timer));
}

function feedCamera(stack: AsyncDisposableStack, feed: CameraFeed): void {
  const jpeg = noise(60_000);
  const row = { similarity: 1, drift: 0, reference: 0, rolling: 0 };
  let index = 0;
  often(stack, 5, () => {
    feed.mirror({ index: index++, measures: row }, { point: [index, 0, 0, 0] });
    feed.show(jpeg);
  });
}

async function dashboard(stack: AsyncDisposableStack, runs?: string): Promise<Fed> {
  const hub = new Hub(300);
  const { port } = stack.use(await serveDashboard(hub, runs === undefined ? {} : { runs }));
  feedCamera(stack, hub.add("front door"));
  return { port, paths: ["/live"] };
}

/** Runs something until the stack ends. */
function until(stack: AsyncDisposableStack, run: (stop: AbortSignal) => Promise<void>): void {
  const stop = new AbortController();
  const running = run(stop.signal).catch(() => {});
  stack.defer(() => {
    stop.abort();
    return running;
  });
}

const NETWORK = { model: "vq-tiny", device: "cpu" } as const;

/** The sending process of video-vq's page. */
function sendVideo(stack: AsyncDisposableStack, to: string, port: number): void {
  const size = { width: 64, height: 64 };
  const options = { ...NETWORK, to, size, fps: 30, payload: "packed", site: { port } } as const;
  until(stack, (stop) => runSender(options, stop));
}

/** Two hours of sound by the bundled model, without a sound in it. */
function longSong(): Uint8Array<ArrayBuffer> {
  const seconds = 7200;
  const model = "encodec_tiny_24khz";
  const head = formatHeader({ model, samples: seconds * 24_000, codebooks: 2 });
  const song = new Uint8Array(head.length + seconds * 75 * 20 / 8);
  song.set(head);
  return song;
}

/** The servers that send without end, by the names that `servers_test.ts` has for them. */
export const STARTS: Readonly<Record<string, Start>> = {
  async "encodec-stream play"(stack) {
    const { url } = stack.use(await PlayerServer.open({ device: "cpu" }));
    const { id } = await (await fetch(`${url}open`, { method: "POST", body: longSong() })).json();
    return { port: Number(new URL(url).port), paths: [`/audio?id=${id}`], mayPause: true };
  },
  async "video-vq page"(stack) {
    const options = { ...NETWORK, site: {}, listen: "tcp://127.0.0.1:0", senderArgs: [] };
    const elsewhere = freePort();
    const senderPage = `http://127.0.0.1:${elsewhere}/`;
    const server = stack.use(await ReceiverServer.open({ ...options, senderPage }));
    sendVideo(stack, server.listening, elsewhere);
    until(stack, (stop) => server.run(stop));
    return { port: Number(new URL(server.url).port), paths: ["/copy", "/source"] };
  },
  async "video-vq page --to"(stack) {
    const port = freePort();
    sendVideo(stack, stack.use(await openReceiver("tcp://127.0.0.1:0")).url, port);
    return { port, paths: ["/feed"] };
  },
  async "together decode --page"(stack) {
    const page = stack.use(await FilmPage.open());
    const [width, height] = [256, 256];
    const picture = { width, height, data: noise(width * height * 3), index: 0, pts: 0 };
    const times = { duration: 0.02, capturedAt: 0, decodedAt: 0, frameRate: [50, 1] as const };
    let isOver = false;
    const playing = (async () => {
      for (let second = 0; !isOver; second += times.duration) {
        await page.frame({ ...picture, ...times }, second);
      }
    })();
    stack.defer(() => {
      isOver = true;
      return playing;
    });
    return { port: Number(new URL(page.url).port), paths: ["/film"] };
  },
  "clip-drift": (stack) => dashboard(stack),
  "clip-drift view": (stack) => dashboard(stack, "nowhere"),
  async "clip-drift camera"(stack) {
    const jpeg = noise(100_000);
    const { port } = stack.use(await serveCamera({ frame: () => jpeg, fps: 50 }));
    return { port, paths: ["/stream.mjpg"] };
  },
};

/** What silent viewers made a server hold. */
export interface Held {
  readonly viewers: number;
  /** Bytes beyond what the process held before, at most. */
  readonly bytes: number;
  /** Viewers that were still there at the end, and may not be. */
  readonly left: number;
}

/** Connections that this machine still keeps open at a port's own end. */
async function connectionsTo(port: number): Promise<number> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = (await Deno.readTextFile("/proc/net/tcp")).trim().split("\n").slice(1);
  return lines.map((line) => line.trim().split(/\s+/)).filter(([, local, , state, ...rest]) =>
    local!.endsWith(suffix) && state !== LISTENING && rest[5] !== "0"
  ).length;
}

const isStream = (path: string) => /^\/(audio|stream)/.test(path);

async function watch(port: number, path: string): Promise<Deno.Conn> {
  const viewer = await connect(port);
  const head = Object.entries({ host: `127.0.0.1:${port}`, ...(isStream(path) ? {} : UPGRADE) })
    .map((line) => `${line.join(": ")}\r\n`).join("");
  await writeAll(viewer, `GET ${path} HTTP/1.1\r\n${head}\r\n`);
  const status = /^HTTP\/1\.1 (\d+)/.exec(await readUntil(viewer, "\r\n\r\n"))?.[1];
  if (status !== "101" && status !== "200") throw new Error(`${path}: ${status}`);
  return viewer;
}

const moment = (milliseconds: number) =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

async function connect(port: number): Promise<Deno.Conn> {
  for (let tries = 0;; tries++) {
    try {
      return await Deno.connect({ hostname: "127.0.0.1", port });
    } catch (error) {
      if (tries === 3000) throw error;
      await moment(20);
    }
  }
}

/** The most that this process holds while something is waited for; what is let go is not counted. */
async function mostWhile(isGoing: () => boolean | Promise<boolean>): Promise<number> {
  const { gc } = globalThis as { gc?: () => void };
  let most = 0;
  do {
    gc?.();
    most = Math.max(most, Deno.memoryUsage().rss);
    await moment(200);
  } while (await isGoing());
  return most;
}

/** Reads as a page does, until enough has come. */
async function readSome(port: number, path: string): Promise<void> {
  const url = `127.0.0.1:${port}${path}`;
  let pieces = 0;
  if (isStream(path)) {
    const reader = (await fetch(`http://${url}`)).body!.getReader();
    while (pieces++ < PIECES) await reader.read();
    return await reader.cancel();
  }
  const socket = new WebSocket(`ws://${url}`);
  const closed = new Promise<void>((resolve) => socket.onclose = () => resolve());
  socket.onmessage = () => ++pieces === PIECES && socket.close();
  await closed;
}

/** Readers of each path; of sound that each has decoded for itself, as many as come later, thrice. */
async function readAll(port: number, paths: readonly string[], mayPause = false): Promise<void> {
  if (!mayPause) return void await Promise.all(paths.map((path) => readSome(port, path)));
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: VIEWERS }, () => readSome(port, paths[0]!)));
  }
}

/** Serves, and watches what is held beside viewers that read, and beside those who do not. */
async function measure(start: Start): Promise<Held> {
  await using stack = new AsyncDisposableStack();
  const { port, paths, mayPause } = await start(stack);
  (await connect(port)).close();
  let isReading = true;
  const reading = readAll(port, paths, mayPause)
    .finally(() => isReading = false);
  const [before] = await Promise.all([mostWhile(() => isReading), reading]);
  const others = await connectionsTo(port);
  const viewers = await Promise.all(
    Array.from({ length: VIEWERS }, (_, i) => watch(port, paths[i % paths.length]!)),
  );
  let left = VIEWERS;
  const end = performance.now() + (mayPause ? 20_000 : 120_000);
  const most = await mostWhile(async () => {
    left = Math.max(0, await connectionsTo(port) - others);
    return left > 0 && performance.now() < end;
  });
  for (const viewer of viewers) viewer.close();
  if (mayPause) assert.equal(left, VIEWERS);
  return { viewers: VIEWERS, bytes: most - before, left: mayPause ? 0 : left };
}

/** What silent viewers of a server make it hold. */
export async function heldBySilentViewers(name: string): Promise<Held> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--frozen", "--v8-flags=--expose-gc"]
      .concat([fileURLToPath(import.meta.url), name]),
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error(`${name} ended with ${code}`);
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
}

if (import.meta.main) {
  const held = await measure(STARTS[Deno.args[0]!]!);
  await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(held)}\n`));
  Deno.exit(0);
}
