/** Receivers of channels, and strangers at their ports. */
import { type ChannelOptions, openReceiver, openSender } from "@vcs/transport/channel";
import { decodeMessage, encodeMessage, message } from "@vcs/transport/message";
import { ignoreAbort } from "@vcs/transport/internal";
import { pathToFileURL } from "node:url";
import { crc32 } from "node:zlib";
import { type Reader, text } from "./reader.ts";

/** Where a receiver listens, the scheme of its peers, and what both of them know. */
type End = readonly [url: string, other: string, options: ChannelOptions];

/** Strangers at a time. */
const STRANGERS = 16;

/** One stranger: it writes as much as it is let. */
async function intrude(port: number, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const close = () => connection.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  } finally {
    signal.removeEventListener("abort", close);
  }
}

/** Receives an honest peer's message beside strangers, who send `bytes`; or `bytes`, if it is one. */
async function receive([url, other, options]: End, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const isMessage = new TextDecoder().decode(bytes.subarray(0, 4)) === "VCSM";
  const sent = isMessage ? decodeMessage(bytes) : message(Uint8Array.of(7));
  await using receiver = await openReceiver(url, options);
  const stop = new AbortController();
  const port = Number(new URL(receiver.url).port);
  const strangers = Array.from(
    { length: isMessage ? 0 : STRANGERS },
    () => intrude(port, bytes, stop.signal).catch(() => {}),
  );
  await using sender = await openSender(`${other}//127.0.0.1:${port}`, options);
  const sending = sender.send(sent).catch(ignoreAbort(stop.signal));
  const delivery = await receiver.receive();
  await delivery!.accept();
  await sending;
  stop.abort();
  await Promise.all(strangers);
  if (delivery!.message.payload.length !== sent.payload.length) throw new Error("another message");
}

/** A frame of `tcp:` of the longest payload, before any handshake. */
function longFrame(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8 << 20);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 5, true);
  view.setUint32(4, 64 << 20, true);
  view.setBigUint64(8, 1n, true);
  view.setUint32(16, crc32(bytes.subarray(0, 16)), true);
  return bytes;
}

/** A greeting of ZeroMQ, and a frame of exabytes after it. */
function longZmq(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8 << 20);
  bytes.set([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, ...text("NULL")]);
  bytes.set([0x06, 0x0f, ...Array<number>(7).fill(0xff)], 64);
  return bytes;
}

/** A request for a WebSocket, and a frame of exabytes after it. */
function longSocket(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8 << 20);
  const head = [
    ...["GET / HTTP/1.1", "Host: 127.0.0.1", "Connection: Upgrade", "Upgrade: websocket"],
    ...["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""],
  ].join("\r\n");
  bytes.set(text(head));
  bytes.set([0x82, 0xff, 0x0f, ...Array<number>(7).fill(0xff)], head.length);
  return bytes;
}

const ENDS: readonly (readonly [End, () => Uint8Array])[] = [
  [["tcp://127.0.0.1:0", "tcp:", {}], longFrame],
  [["tcp://127.0.0.1:0", "tcp:", { secret: "0123456789abcdef" }], longFrame],
  [["zmq+pull://127.0.0.1:0", "zmq+push:", {}], longZmq],
  [["ws://127.0.0.1:0", "ws:", {}], longSocket],
];

/** Reads the first message of a folder that can be read. */
async function receiveFile(_: Uint8Array, path: string): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.copyFile(path, `${folder}/window_000.bin`);
    await Deno.writeFile(`${folder}/window_001.bin`, new Uint8Array(1));
    await using receiver = await openReceiver(`${pathToFileURL(folder)}?format=raw`);
    await (await receiver.receive())!.accept();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Readers of this kind. */
export const READERS: readonly Reader[] = [
  ...ENDS.map(([end, hostile]) => ({
    name: `openReceiver, ${[end[0], ...Object.keys(end[2])].join(" with ")}`,
    group: "ports",
    read: (bytes: Uint8Array<ArrayBuffer>) => receive(end, bytes),
    hostile: { "garbage": () => new Uint8Array(8 << 20).fill(0xff), "a long frame": hostile },
    ends: /^read$/,
    honest: () => encodeMessage(message(new Uint8Array(8 << 20), {})),
    out: 32,
  })),
  {
    name: "openReceiver, file:",
    read: receiveFile,
    hostile: { "more than a message may have": () => new Uint8Array(80 << 20) },
    ends: /^read$/,
    honest: () => encodeMessage(message(new Uint8Array(64 << 20), {})),
    out: 64,
  },
];
