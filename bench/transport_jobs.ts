/**
 * Jobs of the channel benchmarks: a batch of messages through a channel, or through what the
 * runtime itself does, to another process until that has taken the last.
 */
import { openSender } from "@vcs/transport/channel";
import { message } from "@vcs/transport/message";
import { writeAll } from "@vcs/transport/internal";
import { freePort } from "../packages/transport/site/free_port.ts";
import { sized } from "./quick.ts";

/** Messages in a batch. */
export const COUNT: number = sized(200, 10);

/** Everything that the jobs hold; a benchmark may leave it to the end of the process. */
export const cleanup: AsyncDisposableStack = new AsyncDisposableStack();

/** Starts the peer and waits until it is ready. */
async function peer(kind: string, where: string | number): Promise<void> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", import.meta.resolve("./transport_peer.ts"), kind, `${where}`],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const kill = () => process.kill("SIGKILL");
  globalThis.addEventListener("unload", kill);
  cleanup.defer(() => {
    globalThis.removeEventListener("unload", kill);
    kill();
  });
  await process.stdout.getReader().read();
}

function be32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

async function connect(port: number): Promise<Deno.TcpConn> {
  const conn = cleanup.use(await Deno.connect({ hostname: "127.0.0.1", port }));
  conn.setNoDelay(true);
  return conn;
}

/** Sends a batch of copies of a payload. */
export type Job = (payload: Uint8Array) => Promise<void>;

/** Bytes over TCP, drained into one buffer. */
export async function rawTcp(size: number): Promise<Job> {
  const port = freePort();
  await peer("drain", port);
  const conn = await connect(port);
  await writeAll(conn, be32(size * COUNT));
  return async (payload) => {
    for (let i = 0; i < COUNT; i++) await writeAll(conn, payload);
    await conn.read(new Uint8Array(1));
  };
}

/** Messages with a length before them, sent from one buffer, read each into an array. */
export async function framedTcp(size: number): Promise<Job> {
  const port = freePort();
  await peer("frames", port);
  const conn = await connect(port);
  await writeAll(conn, be32(COUNT));
  const frame = new Uint8Array(4 + size);
  return async (payload) => {
    for (let i = 0; i < COUNT; i++) {
      frame.set(be32(payload.length));
      frame.set(payload, 4);
      await writeAll(conn, frame);
    }
    await conn.read(new Uint8Array(1));
  };
}

/** Messages through a channel, until the last is accepted. */
export async function channel(receiver: string, sender = receiver): Promise<Job> {
  await peer("channel", receiver);
  const end = cleanup.use(await openSender(sender));
  let sequence = 0;
  return async (payload) => {
    for (let i = 0; i < COUNT; i++) await end.send(message(payload, { sequence: sequence++ }));
    await end.flush();
  };
}

/** The `tcp:` channel. */
export const tcp = (credits: number) => () =>
  channel(`tcp://127.0.0.1:${freePort()}?credits=${credits}`);

/** A payload of a size, of bytes that do not repeat soon. */
export function payloadOf(size: number): Uint8Array {
  const start = crypto.getRandomValues(new Uint8Array(2880));
  return Uint8Array.from({ length: size }, (_, i) => start[i % 2880]!);
}
