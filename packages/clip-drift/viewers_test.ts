import assert from "node:assert/strict";
import { Hub } from "./hub.ts";
import { Viewers } from "./viewers.ts";

/** A socket whose far end reads nothing until it is let. */
class SlowSocket extends EventTarget {
  readyState: number = WebSocket.OPEN;
  bufferedAmount = 0;
  texts = 0;
  pictures = 0;
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;

  send(data: string | Uint8Array): void {
    if (typeof data === "string") this.texts++;
    else this.pictures++;
    this.bufferedAmount += data.length;
  }

  close(): void {
    this.readyState = WebSocket.CLOSED;
    this.onclose?.();
  }
}

function watching() {
  const hub = new Hub(3);
  const feed = hub.add("front door");
  const socket = new SlowSocket();
  new Viewers(hub, {}).add(socket as unknown as WebSocket);
  socket.onopen?.();
  return { hub, feed, socket };
}

const PICTURE = new Uint8Array(100 * 1024);

Deno.test("a viewer that reads nothing gets pictures until half a megabyte waits", () => {
  const { feed, socket } = watching();
  for (let n = 0; n < 1000; n++) feed.show(PICTURE);
  // The sixth finds 500 KiB waiting, the seventh more than 512.
  assert.equal(socket.pictures, 6);
  socket.bufferedAmount = 0;
  feed.show(PICTURE);
  assert.equal(socket.pictures, 7);
});

Deno.test("a viewer for whom 8 MiB wait is hung up on", () => {
  const { hub, feed, socket } = watching();
  assert.equal(hub.viewers, 1);
  socket.bufferedAmount = 8 * 1024 * 1024;
  feed.note("alert", "still there");
  socket.bufferedAmount = 8 * 1024 * 1024 + 1;
  const before = socket.texts;
  feed.note("alert", "gone");
  assert.equal(socket.texts, before);
  assert.equal(hub.viewers, 0);
});
