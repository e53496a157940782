/**
 * The peer of the channel benchmarks, a process of its own: `transport_peer.ts KIND WHERE`.
 * It prints a line when it is ready and then takes what comes.
 */
import { openReceiver } from "@vcs/transport/channel";

const [kind, where] = Deno.args as [string, string];
const ready = () => Deno.stdout.writeSync(new TextEncoder().encode("ready\n"));
const port = Number(where);

/** Reads bytes into one buffer and answers with a byte for each `batch` of them. */
async function drain(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(256 * 1024);
  const head = new Uint8Array(4);
  await conn.read(head);
  const batch = new DataView(head.buffer).getUint32(0);
  for (let seen = 0;;) {
    const count = await conn.read(buffer);
    if (count === null) return;
    seen += count;
    for (; seen >= batch; seen -= batch) await conn.write(new Uint8Array(1));
  }
}

/** Reads messages with a length before them, each into an array of its own. */
async function frames(conn: Deno.Conn): Promise<void> {
  const head = new Uint8Array(4);
  const fill = async (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length;) {
      const count = await conn.read(bytes.subarray(at));
      if (count === null) return false;
      at += count;
    }
    return true;
  };
  await fill(head);
  const batch = new DataView(head.buffer).getUint32(0);
  for (let seen = 1; await fill(head); seen++) {
    await fill(new Uint8Array(new DataView(head.buffer).getUint32(0)));
    if (seen % batch === 0) await conn.write(new Uint8Array(1));
  }
}

async function listen(serve: (conn: Deno.Conn) => Promise<void>): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  ready();
  for await (const conn of listener) {
    conn.setNoDelay(true);
    await serve(conn).catch(() => {});
  }
}

async function channel(): Promise<void> {
  const receiver = await openReceiver(where);
  ready();
  for (let next = await receiver.receive(); next; next = await receiver.receive()) {
    await next.accept();
  }
}

await ({ drain: () => listen(drain), frames: () => listen(frames), channel }[kind]!)();
