import assert from "node:assert/strict";
import { mutations } from "#testing/fuzz.ts";
import { findPython } from "#testing/python.ts";
import { needing } from "#testing/shared.ts";
import { freePort } from "../../site/free_port.ts";
import { BufferedReader } from "../../io/buffered_reader.ts";
import { openReceiver, openSender } from "../../channel.ts";
import { message, newStreamId } from "../../message.ts";
import { collectLines } from "../../testing/command.ts";
import { FaultProxy } from "../../testing/fault_proxy.ts";
import { quiet, sleep, until } from "../../testing/waits.ts";
import { zmtpHandshake } from "./zmtp.ts";

const python = findPython("zmq");
const LIBZMQ = { "pyzmq for Python": python !== undefined };

/** A program around libzmq; it and the test tell each other by lines when to go on. */
class Peer {
  readonly lines: string[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor(code: string) {
    const start = "import struct, sys, zlib, zmq\nc = zmq.Context()\nwait = sys.stdin.readline\n" +
      "def say(line): print(line, flush=True)\n";
    this.#process = new Deno.Command(python!, {
      args: ["-c", start + code],
      ...{ stdin: "piped", stdout: "piped", stderr: "inherit" },
    }).spawn();
    this.#writer = this.#process.stdin.getWriter();
    this.#reading = collectLines(this.#process.stdout, this.lines);
  }

  /** Ends one of its waits. */
  async go(): Promise<void> {
    await this.#writer.write(new TextEncoder().encode("\n"));
  }

  /** Ends all of its waits, and gives its last line. */
  async end(): Promise<string | undefined> {
    await this.#writer.close();
    const { success } = await this.#process.status;
    await this.#reading;
    assert.ok(success);
    return this.lines.at(-1);
  }
}

for (const bind of [true, false]) {
  const where = bind ? "libzmq listens" : "we listen";

  Deno.test(needing(`zmtp: PUSH to a slow libzmq PULL, ${where}`, LIBZMQ), async () => {
    const port = freePort();
    const peer = new Peer(`
s = c.socket(zmq.PULL); s.rcvhwm = 2
s.${bind ? "bind" : "connect"}("tcp://127.0.0.1:${port}")
wait()
for n in range(100):
    b = s.recv()
    assert b[:4] == b"VCSM" and struct.unpack_from("<Q", b, 16)[0] == n and len(b) == 48 + 300 + n, n
wait(); say("ok")`);
    const sender = await openSender(`zmq+push://127.0.0.1:${port}?listen=${!bind}`);
    const sending = (async () => {
      for (let sequence = 0; sequence < 100; sequence++) {
        await sender.send(message(new Uint8Array(300 + sequence), { sequence }));
      }
    })();
    await until(() => sender.counters.connections > 0);
    await quiet(() => sender.counters.sent);
    // Its queue of two and our credits of three, though kernel buffers would take thousands.
    assert.ok(sender.counters.sent <= 2 + 3, `${sender.counters.sent} sent to a stalled peer`);
    await peer.go();
    await sending;
    await sender.flush();
    assert.equal(await peer.end(), "ok");
    await sender.close();
  });

  Deno.test(needing(`zmtp: PULL from libzmq PUSH, ${where}`, LIBZMQ), async () => {
    const port = freePort();
    const receiver = await openReceiver(`zmq+pull://127.0.0.1:${port}?listen=${!bind}`);
    const peer = new Peer(`
s = c.socket(zmq.PUSH)
s.${bind ? "bind" : "connect"}("tcp://127.0.0.1:${port}")
for n in range(50):
    payload = bytes([n]) * (n * 700)
    head = struct.pack("<4sBBHQQqQI", b"VCSM", 1, 0, 2 if n == 49 else 0, 5, n, n * 1000, 0, len(payload))
    body = head + struct.pack("<I", zlib.crc32(payload, zlib.crc32(head))) + payload
    s.send_multipart([b"topic", body]) if n % 2 else s.send(body)
wait(); say("ok")`);
    const got = await Array.fromAsync(receiver);
    assert.deepEqual(got.map(({ sequence }) => sequence), [...Array(50).keys()]);
    assert.ok(
      got.every(({ payload, sequence: n }) =>
        payload.length === n * 700 && payload.every((byte) => byte === n)
      ),
    );
    assert.equal(await peer.end(), "ok");
    await receiver.close();
  });

  Deno.test(needing(`zmtp: PUB to libzmq SUB, ${where}`, LIBZMQ), async () => {
    const port = freePort();
    const peer = new Peer(`
s = c.socket(zmq.SUB); s.subscribe(b"VCSM"); s.subscribe(b"nothing")
s.${bind ? "bind" : "connect"}("tcp://127.0.0.1:${port}")
for n in range(10): say(struct.unpack_from("<Q", s.recv(), 16)[0])`);
    const sender = await openSender(`zmq+pub://127.0.0.1:${port}?listen=${!bind}`);
    await until(() => sender.counters.connections > 0);
    for (let sequence = 0; sequence < 10; sequence++) {
      await sender.send(message(new Uint8Array(92_160), { sequence }));
      // One that does not keep up misses messages.
      await until(() => peer.lines.length > sequence);
      assert.equal(peer.lines[sequence], `${sequence}`);
    }
    await peer.end();
    await sender.close();
  });

  Deno.test(needing(`zmtp: SUB to libzmq PUB, ${where}`, LIBZMQ), async () => {
    const port = freePort();
    const receiver = await openReceiver(`zmq+sub://127.0.0.1:${port}?listen=${!bind}`);
    // It says the same again until its first message has come: nobody tells it of subscriptions.
    const peer = new Peer(`
import threading
s = c.socket(zmq.PUB)
s.${bind ? "bind" : "connect"}("tcp://127.0.0.1:${port}")
def send(n):
    head = struct.pack("<4sBBHQQqQI", b"VCSM", 1, 0, 2 if n == 9 else 0, 5, n, 0, 0, 0)
    s.send(head + struct.pack("<I", zlib.crc32(head)))
begun = threading.Event()
threading.Thread(target=lambda: (wait(), begun.set())).start()
while not begun.wait(0.02): send(0)
for n in range(1, 10): send(n)
wait(); say("ok")`);
    const first = await receiver.receive();
    assert.equal(first?.message.sequence, 0);
    await peer.go();
    const rest = new Set<number>();
    await first!.accept();
    for await (const { sequence } of receiver) rest.add(sequence);
    rest.delete(0);
    assert.deepEqual([...rest], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(await peer.end(), "ok");
    await receiver.close();
  });
}

Deno.test(
  needing("zmtp: neither end hangs up on one that is merely slow", LIBZMQ),
  async () => {
    const port = freePort();
    const slow = new Peer(`
s = c.socket(zmq.PULL); s.rcvhwm = 1; s.bind("tcp://127.0.0.1:${port}")
wait()
assert [struct.unpack_from("<Q", s.recv(), 16)[0] for _ in range(20)] == list(range(20))
wait(); say("ok")`);
    const sender = await openSender(`zmq+push://127.0.0.1:${port}?heartbeat=50`);
    const filling = (async () => {
      for (let sequence = 0; sequence < 20; sequence++) {
        await sender.send(message(new Uint8Array(10), { sequence }));
      }
    })();
    await until(() => sender.counters.connections > 0);
    await sleep(1000);
    await slow.go();
    await filling;
    await sender.flush();
    assert.deepEqual([sender.counters.connections, sender.counters.resent], [1, 0]);
    assert.equal(await slow.end(), "ok");
    await sender.close();

    const receiver = await openReceiver("zmq+pull://127.0.0.1:0?heartbeat=50");
    const pushing = await openSender(receiver.url.replace("pull", "push").replace("50", "5000"));
    const sending = (async () => {
      for (let sequence = 0; sequence < 10; sequence++) {
        await pushing.send(message(new Uint8Array(10), { sequence, end: sequence === 9 }));
      }
    })();
    await sleep(500);
    assert.equal((await Array.fromAsync(receiver)).length, 10);
    await sending;
    await pushing.close();
    assert.equal(receiver.counters.connections, 1);
    await receiver.close();
  },
);

Deno.test("zmtp: a peer that is gone without a word is noticed", async () => {
  const port = freePort();
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  await using sender = await openSender(`zmq+push://127.0.0.1:${port}?heartbeat=30`);
  const conn = await listener.accept();
  // It greets, and then says nothing, not even to PINGs.
  await conn.write(goodBytes("PULL").subarray(0, 64 + 29));
  await until(() => sender.counters.connections > 0);
  const again = await listener.accept();
  listener.close();
  conn.close();
  again.close();
  assert.equal(sender.counters.connections, 1);
});

Deno.test("zmtp: a subscriber counts when it has subscribed", async () => {
  await using sender = await openSender("zmq+pub://127.0.0.1:0");
  using conn = await Deno.connect({
    hostname: "127.0.0.1",
    port: Number(new URL(sender.url).port),
  });
  await conn.write(goodBytes("XSUB").subarray(0, 64 + 28));
  const bytes = new BufferedReader(conn);
  await bytes.skip(64 + 2);
  assert.equal(sender.counters.connections, 0);
  await conn.write(new Uint8Array([4, 10, 9, ...text("SUBSCRIBE")]));
  await until(() => sender.counters.connections === 1);
});

Deno.test("zmtp: a dead link is noticed while messages are pending", async () => {
  await using receiver = await openReceiver("zmq+pull://127.0.0.1:0?heartbeat=50");
  await using proxy = new FaultProxy(Number(new URL(receiver.url).port));
  const sender = await openSender(`zmq+push://127.0.0.1:${proxy.port}?heartbeat=50`);
  const streamId = newStreamId();
  const held = [];
  for (let sequence = 0; sequence < 3; sequence++) {
    await sender.send(message(new Uint8Array(10), { streamId, sequence }));
    held.push((await receiver.receive())!);
  }
  // Both ends are alive, and busy for longer than three heartbeats.
  await sleep(300);
  assert.equal(sender.counters.connections, 1);
  proxy.darken();
  while (sender.counters.connections < 2) await sleep(10);
  for (const delivery of held) await delivery.accept();
  await sender.send(message(new Uint8Array(10), { streamId, sequence: 3 }));
  const last = (await receiver.receive())!;
  assert.equal(last.message.sequence, 3);
  await last.accept();
  await sender.close();
});

Deno.test("zmtp: a process that is held up does not hang up on peers that are there", async () => {
  await using receiver = await openReceiver("zmq+pull://127.0.0.1:0?heartbeat=30");
  const sender = await openSender(receiver.url.replace("pull", "push"));
  await sender.send(message(new Uint8Array(1)));
  const delivery = (await receiver.receive())!;
  for (let round = 0; round < 3; round++) {
    await sleep(50);
    for (const until = performance.now() + 200; performance.now() < until;);
  }
  await sleep(100);
  assert.deepEqual([sender.counters.connections, receiver.counters.connections], [1, 1]);
  await delivery.accept();
  await sender.close();
});

Deno.test("zmtp: the smaller of both ends' credits holds", async () => {
  for (const [sending, receiving] of [[3, 16], [16, 3]]) {
    const heartbeat = "heartbeat=30";
    const url = `zmq+pull://127.0.0.1:0?${heartbeat}&credits=${receiving}`;
    await using receiver = await openReceiver(url);
    const { port } = new URL(receiver.url);
    const sender = await openSender(
      `zmq+push://127.0.0.1:${port}?${heartbeat}&credits=${sending}`,
    );
    for (let sequence = 0; sequence < 3; sequence++) {
      await sender.send(message(new Uint8Array(1), { sequence }));
    }
    const more = sender.send(message(new Uint8Array(1), { sequence: 3, end: true }));
    while (receiver.counters.received < 3) await sleep(5);
    await sleep(200);
    assert.equal(receiver.counters.received, 3);
    assert.equal((await Array.fromAsync(receiver)).length, 4);
    await more;
    await sender.close();
    assert.equal(sender.counters.connections, 1);
  }
});

/** Serves one peer that knows no commands, as before ZMTP 3.1. */
async function oldPull(conn: Deno.Conn): Promise<() => Promise<Uint8Array>> {
  const bytes = new BufferedReader(conn);
  const frame = async () => {
    const long = ((await bytes.view(1))[0]! & 2) !== 0;
    const header = await bytes.view(long ? 8 : 1);
    return await bytes.body(Number(BigInt(`0x${header.toHex()}`)));
  };
  const hello = goodBytes("PULL").subarray(0, 64 + 29);
  hello[11] = 0;
  await conn.write(hello);
  await bytes.skip(64);
  await frame();
  return frame;
}

Deno.test("zmtp: what a peer without commands did not take goes to the next", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const sender = await openSender(`zmq+push://127.0.0.1:${listener.addr.port}`);
  const long = new Uint8Array(8 << 20);
  const sending = (async () => {
    for (let sequence = 0; sequence < 4; sequence++) await sender.send(message(long, { sequence }));
    await sender.flush();
  })();
  const first = await listener.accept();
  await oldPull(first);
  // It is gone in the middle of the first message, which kernel buffers cannot take.
  await sleep(100);
  first.close();
  const second = await listener.accept();
  const frame = await oldPull(second);
  for (let sequence = 0; sequence < 4; sequence++) {
    const body = await frame();
    assert.equal(new DataView(body.buffer, body.byteOffset).getUint32(16, true), sequence);
  }
  await sending;
  await sender.close();
  second.close();
  listener.close();
});

/** A greeting and READY as libzmq sends them, then a message, a PING and a SUBSCRIBE. */
function goodBytes(partner: string): Uint8Array {
  const greeting = new Uint8Array(64);
  greeting.set([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1, ...text("NULL")]);
  const ready = [5, ...text("READY"), 11, ...text("Socket-Type"), 0, 0, 0, 4, ...text(partner)];
  const ping = [4, ...text("PING"), 0, 0, 1, 2, 3];
  const subscribe = [9, ...text("SUBSCRIBE"), 65];
  const frames = [[4, ready], [0, [1, 2, 3]], [1, [9]], [0, [8]], [4, ping], [
    4,
    subscribe,
  ]] as const;
  return new Uint8Array([...greeting, ...frames.flatMap(([f, body]) => [f, body.length, ...body])]);
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** A connection that plays some bytes. */
function played(bytes: Uint8Array): Deno.Conn {
  let at = 0;
  return {
    read(into: Uint8Array) {
      const piece = bytes.subarray(at, at += into.length);
      into.set(piece);
      return Promise.resolve(piece.length || null);
    },
    write: (bytes: Uint8Array) => Promise.resolve(bytes.length),
    close() {},
  } as unknown as Deno.Conn;
}

async function readAll(bytes: Uint8Array) {
  const never = new AbortController().signal;
  using connection = await zmtpHandshake(played(bytes), {
    type: "PULL",
    credits: 3,
    maxMessage: 100,
    signal: never,
  });
  const items = [];
  for (let item = await connection.read(); item; item = await connection.read()) items.push(item);
  return items;
}

Deno.test("zmtp: messages, parts and commands are read", async () => {
  const items = await readAll(goodBytes("PUSH"));
  const seen = items.map((item) => item.kind === "message" ? [...item.body!] : item.name);
  assert.deepEqual(seen, [[1, 2, 3], [8], "PING", "SUBSCRIBE"]);
});

Deno.test("zmtp: a socket that does not fit is refused", async () => {
  await assert.rejects(readAll(goodBytes("PULL")), { code: "refused" });
  const old = goodBytes("PUSH");
  old[10] = 2;
  await assert.rejects(readAll(old), { code: "format" });
});

Deno.test("zmtp: a body over the cap is left out, a command over it refused", async () => {
  const start = goodBytes("PUSH");
  const long = new Uint8Array([...start, 2, 0, 0, 0, 0, 0, 0, 0, 200, ...new Uint8Array(200)]);
  assert.deepEqual((await readAll(long)).at(-1), { kind: "message", body: undefined });
  const command = new Uint8Array([...start, 6, 0, 0, 0, 1, 0, 0, 0, 0]);
  await assert.rejects(readAll(command), { code: "limit" });
  const endless = new Uint8Array([...start, 2, 255, 255, 255, 255, 255, 255, 255, 255]);
  await assert.rejects(readAll(endless), { code: "limit" });
});

Deno.test("zmtp: damaged bytes end with a typed error", async () => {
  for (const bytes of mutations(goodBytes("PUSH"), 3000)) {
    try {
      await readAll(bytes);
    } catch (error) {
      assert.equal((error as Error).name, "TransportError", String(error));
    }
  }
});
