/**
 * What becomes of a source of pictures when one viewer stands still for a while, as a tab in the
 * background does: through the feed of a page, and through a `ws:` channel.
 * `deno run -A bench/transport_slow_viewer.ts` prints a table.
 */
import { Feed, openSenderAt, say, Site, SocketListener, wallTime } from "@vcs/transport/internal";
import { message, newStreamId } from "@vcs/transport/message";
import { openSocketReceiver, Series } from "@vcs/transport/portable";

/** Pictures per second, and bytes of each: 256 × 256 in RGB. */
const [RATE, SIZE] = [25, 256 * 256 * 3];
/** Seconds before the viewer stands still, in which it does, and after. */
const [BEFORE, STILL, AFTER] = [4, 4, 4];

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A picture, which says when it was made. */
function picture(): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  new DataView(bytes.buffer).setFloat64(0, wallTime(), true);
  return bytes;
}

function ageOf(bytes: Uint8Array): number {
  return wallTime() - new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true);
}

/** Pictures as a viewer gets them. */
async function* viewed(way: string, url: string): AsyncGenerator<Uint8Array> {
  if (way === "channel") {
    for await (const { payload } of openSocketReceiver(url)) yield payload;
    return;
  }
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const events = new ReadableStream<Uint8Array>({
    start(controller) {
      socket.onmessage = ({ data }) => controller.enqueue(new Uint8Array(data));
      socket.onclose = () => controller.close();
    },
  });
  yield* events;
}

/** The viewer, a process of its own: prints the age of each picture. */
async function view(way: string, url: string): Promise<void> {
  for await (const bytes of viewed(way, url)) {
    const line = `${ageOf(bytes).toFixed(0)}\n`;
    await Deno.stdout.write(new TextEncoder().encode(line));
  }
}

/** What takes pictures: a feed at once, a channel when it has room. */
function takerOf(way: string) {
  if (way === "feed") {
    const feed = new Feed();
    const take = (bytes: Uint8Array) => Promise.resolve(feed.send(bytes));
    return { route: feed, open: () => ({ take, close: () => Promise.resolve() }) };
  }
  const listener = new SocketListener();
  const open = (url: URL) => {
    const sender = openSenderAt(url, listener);
    const [streamId, next] = [newStreamId(), { sequence: 0 }];
    const take = (bytes: Uint8Array) =>
      sender.send(message(bytes, { streamId, sequence: next.sequence++ }));
    return { take, close: () => sender.close() };
  };
  return { route: listener, open };
}

/** Makes pictures at their rate, as far as they are taken; how long each was waited for. */
async function produce(take: (bytes: Uint8Array) => Promise<void>): Promise<Series> {
  const [waits, start] = [new Series(), performance.now()];
  const end = start + 1000 * (BEFORE + STILL + AFTER);
  for (let due = start; due < end; due = Math.max(due + 1000 / RATE, performance.now())) {
    await sleep(Math.max(0, due - performance.now()));
    const before = performance.now();
    await take(picture());
    waits.add(performance.now() - before);
  }
  return waits;
}

async function measure(way: string): Promise<string> {
  const { route, open } = takerOf(way);
  await using site = await Site.open({ routes: { "GET /live": route } });
  const url = new URL("/live", site.url.replace(/^http/, "ws"));
  const taker = open(url);
  const viewer = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", import.meta.filename!, way, url.href],
    stdout: "piped",
  }).spawn();
  const output = new Response(viewer.stdout).text();
  await sleep(2000);
  const standing = sleep(1000 * BEFORE).then(async () => {
    viewer.kill("SIGSTOP");
    await sleep(1000 * STILL);
    viewer.kill("SIGCONT");
  });
  const waits = (await produce(taker.take)).summary();
  await standing;
  await sleep(500);
  viewer.kill("SIGKILL");
  const ages = (await output).trim().split("\n").map(Number);
  await taker.close();
  const last = ages.slice(-RATE).toSorted((a, b) => a - b)[RATE >> 1];
  return `| ${way} | ${waits.count} | ${Math.round(waits.max)} ms | ${ages.length} | ` +
    `${Math.max(...ages)} ms | ${last} ms |`;
}

if (Deno.args.length === 2) await view(Deno.args[0]!, Deno.args[1]!);
else {
  say("| through | pictures made | longest wait of the source | viewed | oldest | at the end |");
  say("| --- | --- | --- | --- | --- | --- |");
  for (const way of ["feed", "channel"]) say(await measure(way));
}
