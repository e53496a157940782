/** What the ends of `tcp:` and `zmq:` channels do with a peer that follows a script. */
import assert from "node:assert/strict";
import { FakeTime } from "#testing/fake_time.ts";
import { openReceiver, openSender } from "../channel.ts";
import { encodeMessage, message, newStreamId, NO_ID } from "../message.ts";
import { FRAME, frameControl, frameMessage, FrameReader, HEADER_SIZE } from "./tcp/frames.ts";
import { handshake, type LinkOptions } from "./tcp/link.ts";
import { zmtpHandshake } from "./zmq/zmtp.ts";

const never = new AbortController().signal;
const loopback = { hostname: "127.0.0.1", port: 0 };
const portOf = (url: string) => Number(new URL(url).port);

/** A `tcp:` end that does only what the test says, and gives no sign of life. */
function scripted(role: "sender" | "receiver"): LinkOptions {
  const hello = { role, id: newStreamId(), peerId: NO_ID, received: 0, credits: 3 };
  return { hello, secret: undefined, heartbeat: 3_600_000, maxPayload: 1000, signal: never };
}

/** The frame of a message, with its sequence where that is not one less than its number. */
function framed(number: number, sequence = number - 1): Uint8Array {
  const encoded = encodeMessage(message(new Uint8Array(1), { streamId: NO_ID, sequence }));
  const frame = new Uint8Array(HEADER_SIZE + encoded.length);
  frame.set(encoded, HEADER_SIZE);
  return frameMessage(frame.subarray(HEADER_SIZE), number);
}

/** A connection that keeps a copy of all that came over it. */
function recorded(conn: Deno.Conn): { conn: Deno.Conn; bytes: number[] } {
  const bytes: number[] = [];
  const copy = {
    async read(into: Uint8Array) {
      const count = await conn.read(into);
      bytes.push(...into.subarray(0, count ?? 0));
      return count;
    },
    write: (from: Uint8Array) => conn.write(from),
    closeWrite: () => conn.closeWrite(),
    close: () => conn.close(),
  };
  return { conn: copy as Deno.Conn, bytes };
}

async function framesIn(bytes: number[]): Promise<number[]> {
  let at = 0;
  const read = (into: Uint8Array) => {
    const piece = bytes.slice(at, at += into.length);
    into.set(piece);
    return Promise.resolve(piece.length || null);
  };
  const frames = new FrameReader({ read }, 1000);
  const types: number[] = [];
  for (let frame = await frames.next(); frame; frame = await frames.next()) types.push(frame.type);
  return types;
}

Deno.test("tcp: what a receiver can read goes with its first report, and is known while it is there", async () => {
  const capabilities = ["pictures-2", "sound"];
  const receiver = await openReceiver("tcp://127.0.0.1:0", { capabilities });
  await using sender = await openSender(receiver.url, { timeout: Infinity });
  const closing = sender.close.bind(sender);
  assert.deepEqual(sender.peerCapabilities, []);
  await sender.send(message(new Uint8Array(1)));
  await (await receiver.receive())!.accept();
  await sender.flush();
  assert.deepEqual(sender.peerCapabilities, capabilities);
  await receiver.close();
  while (sender.peerCapabilities!.length > 0) await new Promise((done) => setTimeout(done, 5));
  await closing();
});

Deno.test("tcp: a sender takes notice of words alone, and a receiver says nothing else", async () => {
  const listener = Deno.listen(loopback);
  await using sender = await openSender(`tcp://127.0.0.1:${listener.addr.port}`);
  const sending = sender.send(message(new Uint8Array(1)));
  using link = await handshake(await listener.accept(), "listener", scripted("receiver"));
  await link.welcome();
  assert.equal((await link.read())!.type, FRAME.message);
  const body = new TextEncoder().encode("one \x1b[2J Two two  three-long-words-in-it");
  await link.write(frameControl(FRAME.accept, 1, body));
  await sending;
  await sender.flush();
  assert.deepEqual(sender.peerCapabilities, ["one", "two"]);
  listener.close();
  for (const capabilities of [["A"], [""], ["a b"], ["a".repeat(16)], new Array(17).fill("a")]) {
    await assert.rejects(openReceiver("tcp://127.0.0.1:0", { capabilities }), RangeError);
  }
});

Deno.test("tcp: a sender stays within the receiver's credits, though its own are more", async () => {
  await using receiver = await openReceiver("tcp://127.0.0.1:0?credits=2");
  const sender = await openSender(`tcp://127.0.0.1:${portOf(receiver.url)}?credits=6`);
  const streamId = newStreamId();
  for (let sequence = 0; sequence < 6; sequence++) {
    await sender.send(message(new Uint8Array(1), { streamId, sequence }));
  }
  for (let sequence = 0; sequence < 6; sequence++) {
    const delivery = (await receiver.receive())!;
    assert.equal(delivery.message.sequence, sequence);
    await delivery.accept();
  }
  await sender.close();
  // A receiver hangs up on a sender that takes more than it was given.
  const { connections, resent } = sender.counters;
  assert.deepEqual([connections, resent, receiver.counters.duplicates], [1, 0, 0]);
});

Deno.test("tcp: a receiver counts what comes again, and does not deliver it", async () => {
  await using receiver = await openReceiver("tcp://127.0.0.1:0?credits=3");
  const conn = await Deno.connect({ ...loopback, port: portOf(receiver.url) });
  using link = await handshake(conn, "connector", scripted("sender"));
  for (const number of [1, 2, 1, 2, 2, 3]) await link.write(framed(number));
  for (let sequence = 0; sequence < 3; sequence++) {
    assert.equal((await receiver.receive())!.message.sequence, sequence);
  }
  const { received, duplicates, connections } = receiver.counters;
  assert.deepEqual([received, duplicates, connections], [3, 3, 1]);
});

Deno.test("tcp: an acceptance is told though heartbeats lie behind the message", async () => {
  const beat = frameControl(FRAME.beat);
  for (const credits of [1, 3, 16]) {
    for (const beats of [1, 2]) {
      await using receiver = await openReceiver(`tcp://127.0.0.1:0?credits=${credits}`);
      const conn = await Deno.connect({ ...loopback, port: portOf(receiver.url) });
      using link = await handshake(conn, "connector", scripted("sender"));
      for (let number = 1; number <= 6; number++) {
        // In one piece, as they come to a process that stood still.
        const frames = [framed(number), ...Array.from({ length: beats }, () => beat)];
        await link.write(new Uint8Array(frames.flatMap((frame) => [...frame])));
        await (await receiver.receive())!.accept();
        while ((await link.read())!.number < number);
      }
    }
  }
});

Deno.test("tcp: a receiver hangs up on a sender that sends more than its credits, or past a number", async () => {
  for (const numbers of [[1, 2, 3, 4], [1, 3], [1, 2, 4]]) {
    await using receiver = await openReceiver("tcp://127.0.0.1:0?credits=3");
    const conn = await Deno.connect({ ...loopback, port: portOf(receiver.url) });
    using link = await handshake(conn, "connector", scripted("sender"));
    for (const number of numbers) await link.write(framed(number));
    // Where it does not hang up, it reads on to the goodbye.
    await link.end();
    assert.equal(receiver.counters.received, numbers.length - 1);
  }
});

/** So many connections, and how many of them were hung up on. */
async function strangers(port: number, count: number, says?: Uint8Array<ArrayBuffer>) {
  const conns = await Promise.all(
    Array.from({ length: count }, () => Deno.connect({ ...loopback, port })),
  );
  const counts = { closed: 0 };
  for (const conn of conns) {
    if (says) await conn.write(says);
    const read = async () => {
      const into = new Uint8Array(1000);
      while (await conn.read(into).catch(() => null) !== null);
      counts.closed++;
    };
    void read();
  }
  const leave = () => conns.forEach((conn) => conn.close());
  return { counts, [Symbol.dispose]: leave };
}

Deno.test("tcp: strangers that say nothing keep nobody out", async () => {
  // Nobody is hung up on for being slow to introduce itself.
  using _time = new FakeTime();
  await using receiver = await openReceiver("tcp://127.0.0.1:0");
  const port = portOf(receiver.url);
  using silent = await strangers(port, 64);
  const conn = await Deno.connect({ ...loopback, port });
  using link = await handshake(conn, "connector", scripted("sender"));
  await link.write(framed(1));
  assert.ok(await receiver.receive());
  assert.equal(silent.counts.closed, 1);
});

/** A connection over which some bytes come, and then its end. */
function saying(bytes: Uint8Array): Deno.Conn {
  let at = 0;
  const read = (into: Uint8Array) => {
    const piece = bytes.subarray(at, at += into.length);
    into.set(piece);
    return Promise.resolve(piece.length || null);
  };
  const write = (bytes: Uint8Array) => Promise.resolve(bytes.length);
  const closeWrite = () => Promise.resolve();
  return { read, write, closeWrite, close() {} } as unknown as Deno.Conn;
}

Deno.test("tcp, zmq: a message before the handshake is refused, not read", async () => {
  // Headers of messages of 64 MiB.
  const long = 64 * 1024 * 1024;
  const frame = frameMessage(new Uint8Array(new ArrayBuffer(HEADER_SIZE + long), HEADER_SIZE), 1);
  const tcp = handshake(saying(frame.slice(0, 1000)), "listener", {
    ...scripted("receiver"),
    maxPayload: long,
  });
  await assert.rejects(tcp, { code: "format" });
  const header = new Uint8Array(9);
  header[0] = 2;
  new DataView(header.buffer).setBigUint64(1, BigInt(long));
  for (const flags of [2, 6]) {
    header[0] = flags;
    const said = new Uint8Array([...zmqGreeting("PUSH").subarray(0, 64), ...header]);
    const options = { type: "PULL", credits: 3, maxMessage: 2 * long, signal: never } as const;
    await assert.rejects(zmtpHandshake(saying(said), options), { code: "format" });
  }
});

Deno.test("tcp, zmq: before the handshake a kilobyte is read ahead, afterwards more", async () => {
  const asked: number[] = [];
  const noting = (conn: Deno.Conn) => {
    const read = (into: Uint8Array) => (asked.push(into.length), conn.read(into));
    return { ...conn, read } as unknown as Deno.Conn;
  };
  await assert.rejects(
    handshake(noting(saying(new Uint8Array(0))), "listener", scripted("sender")),
  );
  const options = { type: "PULL", credits: 3, maxMessage: 1e6, signal: never } as const;
  using peer = await zmtpHandshake(noting(saying(zmqGreeting("PUSH"))), options);
  assert.equal(await peer.read(), undefined);
  assert.deepEqual(asked, [1024, 1024, 65_536]);
});

Deno.test("tcp: a hello with impossible fields is refused", async () => {
  const good = { id: newStreamId(), peerId: NO_ID, received: 0, credits: 3 };
  const bad = [{ credits: 0 }, { id: NO_ID }, { received: 2 ** 54 }];
  for (const wrong of bad) {
    await using receiver = await openReceiver("tcp://127.0.0.1:0");
    const conn = await Deno.connect({ ...loopback, port: portOf(receiver.url) });
    const hello = { role: "sender", ...good, ...wrong } as const;
    await assert.rejects(handshake(conn, "connector", { ...scripted("sender"), hello }));
  }
});

Deno.test("tcp: a peer that says nothing is hung up on at the fourth heartbeat", async () => {
  const listener = Deno.listen(loopback);
  const { port } = listener.addr as Deno.NetAddr;
  const sender = await openSender(`tcp://127.0.0.1:${port}?heartbeat=20`, { timeout: 100 });
  const { conn, bytes } = recorded(await listener.accept());
  using link = await handshake(conn, "listener", scripted("receiver"));
  await link.welcome();
  assert.equal(await link.read().catch(() => undefined), undefined);
  assert.deepEqual(await framesIn(bytes), [FRAME.hello, FRAME.beat, FRAME.beat]);
  listener.close();
  await sender.close();
});

/** What libzmq says first: a greeting and READY. */
function zmqGreeting(socket: string): Uint8Array<ArrayBuffer> {
  const text = (value: string) => [...new TextEncoder().encode(value)];
  const greeting = new Uint8Array(64);
  greeting.set([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1, ...text("NULL")]);
  const ready = [5, ...text("READY"), 11, ...text("Socket-Type"), 0, 0, 0, 4, ...text(socket)];
  return new Uint8Array([...greeting, 4, ready.length, ...ready]);
}

Deno.test("zmq: a peer that says nothing is asked at once and three times more, then hung up on", async () => {
  const listener = Deno.listen(loopback);
  const { port } = listener.addr as Deno.NetAddr;
  const sender = await openSender(`zmq+push://127.0.0.1:${port}?heartbeat=20`);
  const { conn, bytes } = recorded(await listener.accept());
  await conn.write(zmqGreeting("PULL"));
  const into = new Uint8Array(1000);
  while (await conn.read(into).catch(() => null) !== null);
  conn.close();
  listener.close();
  await sender.close();
  const asked = new TextDecoder("latin1").decode(new Uint8Array(bytes)).split("PING").length - 1;
  assert.equal(asked, 4);
});

/** What any peer can say at any time. */
const zmqPing = new Uint8Array([4, 7, 4, ...new TextEncoder().encode("PING"), 0, 0]);

Deno.test("zmq: strangers that say nothing, or only greet, keep nobody out", async () => {
  for (const says of [undefined, zmqGreeting("PUSH")]) {
    // Nobody is hung up on for being slow to introduce itself.
    using _time = new FakeTime();
    await using receiver = await openReceiver("zmq+pull://127.0.0.1:0");
    const port = portOf(receiver.url);
    using idle = await strangers(port, 64, says);
    const sender = await openSender(`zmq+push://127.0.0.1:${port}`);
    await sender.send(message(new Uint8Array(1)));
    await (await receiver.receive())!.accept();
    await sender.close();
    assert.equal(idle.counts.closed, 1);
  }
});

Deno.test("zmq: a listener has 64 peers at a time, and no more", async () => {
  using _time = new FakeTime();
  await using receiver = await openReceiver("zmq+pull://127.0.0.1:0");
  const port = portOf(receiver.url);
  const open: Deno.Conn[] = [];
  const isPeer = async () => {
    const conn = await Deno.connect({ ...loopback, port });
    open.push(conn);
    await conn.write(new Uint8Array([...zmqGreeting("PUSH"), ...zmqPing]));
    // The first read after the handshake decides; a peer is answered then, too.
    const into = new Uint8Array(1000);
    for (let heard = ""; heard.split("PONG").length < 3;) {
      const count = await conn.read(into).catch(() => null);
      if (count === null) return false;
      heard += new TextDecoder("latin1").decode(into.subarray(0, count));
      await conn.write(zmqPing).catch(() => {});
    }
    return true;
  };
  for (let n = 0; n < 64; n++) assert.ok(await isPeer());
  assert.equal(await isPeer(), false);
  for (const conn of open) conn.close();
});

for (const url of ["tcp://127.0.0.1:9", "zmq+push://127.0.0.1:9"]) {
  Deno.test(`${new URL(url).protocol} tries to connect after 10 ms, then twice as long, at most 1,000`, async () => {
    using time = new FakeTime();
    const at: number[] = [];
    const { connect } = Deno;
    Deno.connect = (() => {
      at.push(performance.now());
      return Promise.reject(new Deno.errors.ConnectionRefused("nobody there"));
    }) as unknown as typeof Deno.connect;
    try {
      const sender = await openSender(url);
      await time.advance(6000);
      await sender.close();
    } finally {
      Deno.connect = connect;
    }
    const pauses = at.slice(1).map((when, i) => when - at[i]!);
    assert.deepEqual(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000, 1000]);
  });
}

for (const url of ["tcp://127.0.0.1:9?listen=false", "zmq+sub://127.0.0.1:9"]) {
  Deno.test(`${new URL(url).protocol} a receiver that connects gives up after the timeout`, async () => {
    using time = new FakeTime();
    const { connect } = Deno;
    Deno.connect = (() => Promise.reject(new Error("nobody there"))) as unknown as typeof connect;
    try {
      const receiver = await openReceiver(url, { timeout: 3000 });
      let outcome: unknown;
      receiver.receive().catch((error) => outcome = error.code);
      await time.advance(3000);
      assert.equal(outcome, undefined);
      await time.advance(1000);
      assert.equal(outcome, "unreachable");
      await receiver.close();
    } finally {
      Deno.connect = connect;
    }
  });
}

Deno.test("tcp: an end that does not introduce itself is hung up on after 5 s", async () => {
  using time = new FakeTime();
  let closed = false;
  let end = () => {};
  const silent = {
    read: () => new Promise<null>((resolve) => end = () => resolve(null)),
    close: () => (closed = true, end()),
  } as unknown as Deno.Conn;
  const outcome = assert.rejects(handshake(silent, "listener", scripted("receiver")));
  await time.advance(4999);
  assert.equal(closed, false);
  await time.advance(1);
  assert.ok(closed);
  await outcome;
  assert.equal(time.pending, 0);
});
