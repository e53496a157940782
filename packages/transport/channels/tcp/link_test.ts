import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mutations } from "#testing/fuzz.ts";
import { hasPrograms, needs } from "#testing/shared.ts";
import { freePort } from "../../site/free_port.ts";
import { type ChannelOptions, openReceiver, openSender } from "../../channel.ts";
import { TransportError } from "../../errors.ts";
import { encodeMessage, ENVELOPE_SIZE, message } from "../../message.ts";
import { FaultProxy } from "../../testing/fault_proxy.ts";
import { until } from "../../testing/waits.ts";
import { FRAME, frameControl, frameMessage, FrameReader, HEADER_SIZE } from "./frames.ts";

function reader(bytes: Uint8Array, step = Infinity, maxPayload = 1000): FrameReader {
  let at = 0;
  const read = (into: Uint8Array) => {
    const piece = bytes.subarray(at, at + Math.min(step, into.length));
    into.set(piece);
    at += piece.length;
    return Promise.resolve(piece.length || null);
  };
  return new FrameReader({ read }, maxPayload);
}

function framed(payload: Uint8Array, number: number): Uint8Array {
  const encoded = encodeMessage(message(payload));
  const frame = new Uint8Array(HEADER_SIZE + encoded.length);
  frame.set(encoded, HEADER_SIZE);
  return frameMessage(frame.subarray(HEADER_SIZE), number);
}

Deno.test("tcp: golden bytes of frames", () => {
  assert.equal(
    frameControl(FRAME.accept, 258).toHex(),
    "06000000000000000201000000000000782e785b",
  );
  // The last four bytes are zlib's crc32 of those before, as Python computes it.
  const frame = framed(new Uint8Array([7]), 1);
  assert.equal(frame.subarray(0, 16).toHex(), "05000000310000000100000000000000");
  assert.equal(frame.subarray(HEADER_SIZE, HEADER_SIZE + 4).toHex(), "5643534d");
});

Deno.test("tcp: frames are read however the bytes are cut", async () => {
  const bytes = new Uint8Array([
    ...frameControl(FRAME.beat),
    ...framed(new Uint8Array(500).fill(3), 1),
    ...frameControl(FRAME.refuse, 0, new TextEncoder().encode("busy")),
  ]);
  for (const step of [1, 2, 19, 64, Infinity]) {
    const frames = reader(bytes, step);
    assert.equal((await frames.next())?.type, FRAME.beat);
    const { number, body } = (await frames.next())!;
    assert.deepEqual([number, body!.length], [1, 548]);
    assert.equal(new TextDecoder().decode((await frames.next())!.body), "busy");
    assert.equal(await frames.next(), undefined);
  }
});

Deno.test("tcp: long frames are arrays of their own, alike or not", async () => {
  const sizes = [40_000, 40_000, 92_160, 92_160, 92_159, 7, 92_160, 92_160, 1_200_000, 40_000, 0];
  const sent = sizes.map((size, i) => framed(new Uint8Array(size).fill(i + 1), i + 1));
  // One in four is followed by another frame, so that the next does not start a read.
  const all = sent.flatMap((frame, i) => i % 4 < 3 ? [frame] : [frame, frameControl(FRAME.beat)]);
  const bytes = new Uint8Array(Buffer.concat(all));
  for (const step of [977, 65_536, 92_228, Infinity]) {
    const frames = reader(bytes, step, 2_000_000);
    const bodies: Uint8Array[] = [];
    for (let frame = await frames.next(); frame; frame = await frames.next()) {
      if (frame.type === FRAME.message) bodies.push(frame.body!);
    }
    assert.deepEqual(bodies.map(({ length }) => length - ENVELOPE_SIZE), sizes);
    // Compared when all were read: none is written over by what came later.
    for (const [i, body] of bodies.entries()) {
      assert.ok(body.every((byte, at) => byte === sent[i]![HEADER_SIZE + at]), `body ${i}`);
      assert.equal((body.byteOffset + ENVELOPE_SIZE) % 16, 0);
    }
    assert.equal(new Set(bodies.map(({ buffer }) => buffer)).size, bodies.length);
  }
});

Deno.test("tcp: a body over the cap is left out, not allocated", async () => {
  const bytes = new Uint8Array([...framed(new Uint8Array(2000), 1), ...frameControl(FRAME.bye)]);
  const frames = reader(bytes);
  assert.equal((await frames.next())?.body, undefined);
  assert.equal((await frames.next())?.type, FRAME.bye);
});

Deno.test("tcp: damaged frames end with a typed error", async () => {
  const good = new Uint8Array([
    ...frameControl(FRAME.accept, 7),
    ...framed(new Uint8Array(50), 1),
    ...frameControl(FRAME.bye),
  ]);
  for (const bytes of mutations(good, 3000)) {
    const frames = reader(bytes);
    try {
      while (await frames.next());
    } catch (error) {
      assert.ok(error instanceof TransportError, String(error));
    }
  }
});

/** Sends one message from end to end. */
async function sendOne(url: string, receiver: ChannelOptions, sender: ChannelOptions) {
  await using rx = await openReceiver(url, receiver);
  await using tx = await openSender(rx.url, { timeout: 600_000, ...sender });
  await tx.send(message(new Uint8Array([1]), { end: true }));
  const reading = Array.fromAsync(rx);
  // Where the ends do not fit the loop ends with the receiver.
  await tx.flush().finally(() => rx.close());
  return await reading;
}

const refused = (e: unknown) => e instanceof TransportError && e.code === "refused";

Deno.test("tcp: both ends must know the secret", async () => {
  const url = "tcp://127.0.0.1:0";
  const got = await sendOne(url, { secret: "open sesame" }, { secret: "open sesame" });
  assert.equal(got.length, 1);
  for (const secret of [{ secret: "open barley" }, {}]) {
    await assert.rejects(sendOne(url, { secret: "open sesame" }, secret), refused);
  }
  await assert.rejects(sendOne(url, {}, { secret: "open sesame" }), refused);
  await assert.rejects(openReceiver(url, { secret: "" }), RangeError);
});

Deno.test("tcp: who listens to other machines without a secret is told so", async () => {
  const toldFor = async (host: string, options: ChannelOptions) => {
    const told: string[] = [];
    await using _ = await openReceiver(`tcp://${host}:0`, {
      ...options,
      notice: (line) => told.push(line),
    });
    return told.length;
  };
  assert.equal(await toldFor("0.0.0.0", {}), 1);
  assert.equal(await toldFor("0.0.0.0", { secret: "open sesame" }), 0);
  for (const host of ["127.0.0.1", "localhost"]) assert.equal(await toldFor(host, {}), 0);
});

Deno.test("tcp: a sender does not take another sender", async () => {
  const port = freePort();
  const listening = await openSender(`tcp://127.0.0.1:${port}?listen=true`, { timeout: 300 });
  const other = await openSender(`tcp://127.0.0.1:${port}`);
  await assert.rejects(other.send(message(new Uint8Array(1))).then(() => other.flush()), refused);
  await other.close();
  await listening.close();
});

Deno.test("tcp: the sender may listen and the receiver connect", async () => {
  await using sender = await openSender("tcp://127.0.0.1:0?listen=true");
  await using receiver = await openReceiver(`${sender.url.split("?")[0]}?listen=false`);
  await sender.send(message(new Uint8Array([9]), { end: true }));
  assert.equal((await Array.fromAsync(receiver))[0]?.payload[0], 9);
});

Deno.test("tcp: acceptances are told, many or few, in whatever order they are made", async () => {
  for (const credits of [1, 3, 16]) {
    await using receiver = await openReceiver(`tcp://127.0.0.1:0?credits=${credits}`);
    const url = `${receiver.url.split("?")[0]}?credits=${credits}`;
    await using sender = await openSender(url, { timeout: 600_000 });
    for (const count of [credits, 1, Math.ceil(credits / 2)]) {
      const deliveries = [];
      for (let i = 0; i < count; i++) await sender.send(message(new Uint8Array([i])));
      for (let i = 0; i < count; i++) deliveries.push((await receiver.receive())!);
      assert.equal(sender.counters.inFlight, count);
      // The sender hears of none while the first is missing, then of all.
      for (const delivery of deliveries.slice(1)) await delivery.accept();
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(sender.counters.inFlight, count);
      await deliveries[0]!.accept();
      await sender.flush();
      assert.equal(sender.counters.inFlight, 0);
    }
  }
});

Deno.test("tcp: a second sender is turned away until the first is gone", async () => {
  await using receiver = await openReceiver("tcp://127.0.0.1:0");
  const first = await openSender(receiver.url);
  const receiving = receiver.receive();
  await first.send(message(new Uint8Array([1])));
  const delivery = await receiving;
  await using second = await openSender(receiver.url);
  const sent = second.send(message(new Uint8Array([2]), { end: true }));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(second.counters.connections, 0);
  await delivery!.accept();
  await first.close();
  await sent;
  assert.equal((await Array.fromAsync(receiver))[0]?.payload[0], 2);
});

Deno.test("tcp: of two senders that come at once one waits", async () => {
  for (let round = 0; round < 20; round++) {
    await using receiver = await openReceiver("tcp://127.0.0.1:0");
    const senders = [await openSender(receiver.url), await openSender(receiver.url)];
    const sent = senders.map(async (sender, i) => {
      await sender.send(message(new Uint8Array([i])));
      await sender.flush();
      await sender.close();
    });
    const got: number[] = [];
    while (got.length < 2) {
      const delivery = (await receiver.receive())!;
      assert.equal(
        senders.filter(({ counters }) => counters.connections > 0).length,
        got.length + 1,
      );
      got.push(delivery.message.payload[0]!);
      await delivery.accept();
    }
    await Promise.all(sent);
    assert.deepEqual(got.sort(), [0, 1]);
  }
});

Deno.test("tcp: whoever speaks something else is hung up on and harms nobody", async () => {
  await using receiver = await openReceiver("tcp://127.0.0.1:0");
  const port = Number(new URL(receiver.url).port);
  using silent = await Deno.connect({ hostname: "127.0.0.1", port });
  const hello = frameControl(FRAME.hello, 0, new Uint8Array(52));
  const noise = [
    new TextEncoder().encode("GET / HTTP/1.1\r\nHost: nobody\r\n\r\n"),
    hello,
    new Uint8Array(500),
  ];
  for (const bytes of noise) {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(bytes);
    const answer = new Uint8Array(100);
    assert.equal(await conn.read(answer).catch(() => null), null);
  }
  await using sender = await openSender(receiver.url);
  await sender.send(message(new Uint8Array([1]), { end: true }));
  assert.equal((await Array.fromAsync(receiver)).length, 1);
  assert.equal(silent.remoteAddr.transport, "tcp");
});

Deno.test("tcp: a hello is held against the limits of each of its fields", async () => {
  await using receiver = await openReceiver("tcp://127.0.0.1:0");
  const port = Number(new URL(receiver.url).port);
  const hello = new Uint8Array(52);
  const view = new DataView(hello.buffer);
  view.setUint32(0, 0x54534356, true); // VCST
  view.setUint8(4, 1);
  view.setUint32(8, 10, true); // credits
  view.setBigUint64(12, 1n, true); // id
  const answers = async (change: () => void) => {
    const before = hello.slice();
    change();
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(frameControl(FRAME.hello, 0, hello));
    hello.set(before);
    return await conn.read(new Uint8Array(100)).catch(() => null) !== null;
  };
  assert.equal(await answers(() => {}), true);
  const wrong: readonly (() => void)[] = [
    () => view.setUint8(5, 2), // role
    () => view.setUint8(6, 2), // whether there is a secret
    () => view.setUint8(7, 1), // nothing
    () => view.setUint32(8, 0, true),
    () => view.setBigUint64(12, 0n, true),
    () => view.setBigUint64(28, 1n << 53n, true), // messages received
  ];
  for (const [i, change] of wrong.entries()) assert.equal(await answers(change), false, `${i}`);
});

Deno.test("tcp: swapped bytes are found and the messages sent again", async () => {
  await using receiver = await openReceiver("tcp://127.0.0.1:0");
  const proxy = new FaultProxy(Number(new URL(receiver.url).port));
  await using _proxy = proxy;
  await using sender = await openSender(`tcp://127.0.0.1:${proxy.port}`);
  const sending = (async () => {
    for (let sequence = 0; sequence < 20; sequence++) {
      if (sequence === 5 || sequence === 12) proxy.faults.swap = 100;
      await sender.send(
        message(new Uint8Array(200).fill(sequence), { sequence, end: sequence === 19 }),
      );
    }
    await sender.flush();
  })();
  const got = await Array.fromAsync(receiver);
  await sending;
  assert.deepEqual(got.map(({ sequence }) => sequence), [...Array(20).keys()]);
  assert.ok(got.every(({ sequence, payload }) => payload.every((byte) => byte === sequence)));
  assert.ok(sender.counters.resent > 0);
});

Deno.test("tcp: a peer that falls silent is given up, and its messages go to the next", async () => {
  const port = freePort();
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  await using sender = await openSender(`tcp://127.0.0.1:${port}?heartbeat=50`);
  const conn = await listener.accept();
  listener.close();
  await sender.send(message(new Uint8Array([1]), { end: true }));
  conn.close();
  await using receiver = await openReceiver(`tcp://127.0.0.1:${port}?heartbeat=50`);
  await using proxy = new FaultProxy(port);
  assert.equal((await Array.fromAsync(receiver)).length, 1);
  assert.equal(proxy.connections, 0);
});

Deno.test("tcp: a stalled link is hung up on after three heartbeats", async () => {
  await using receiver = await openReceiver("tcp://127.0.0.1:0?heartbeat=50");
  await using proxy = new FaultProxy(Number(new URL(receiver.url).port));
  await using sender = await openSender(`tcp://127.0.0.1:${proxy.port}?heartbeat=50`);
  await sender.send(message(new Uint8Array([1])));
  await (await receiver.receive())!.accept();
  await sender.flush();
  proxy.faults.delay = 1000;
  while (sender.counters.connections < 2) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (proxy.connections > 1) delete proxy.faults.delay;
  }
  await sender.send(message(new Uint8Array([2]), { end: true }));
  assert.equal((await Array.fromAsync(receiver))[0]?.payload[0], 2);
});

Deno.test("tcp: the timeout of a sender without a peer does not end the program", async () => {
  const sender = await openSender(`tcp://127.0.0.1:${freePort()}`, { timeout: 100 });
  await sender.send(message(new Uint8Array(1)));
  const isUnreachable = (e: unknown) => e instanceof TransportError && e.code === "unreachable";
  await assert.rejects(sender.flush(), isUnreachable);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await assert.rejects(sender.send(message(new Uint8Array(1))), isUnreachable);
  // What was told once is not told again.
  await sender.close();
});

Deno.test("tcp: URLs without host or port are refused", async () => {
  for (const url of ["tcp://127.0.0.1", "tcp:///x", "nothing://here", "not a url"]) {
    await assert.rejects(openSender(url === "not a url" ? "http://[" : url), RangeError);
  }
});

Deno.test({
  name: "tcp: TLS with a certificate of our own",
  ...needs(hasPrograms("openssl")),
  async fn() {
    const folder = await Deno.makeTempDir();
    const files = ["-keyout", `${folder}/key.pem`, "-out", `${folder}/cert.pem`];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const kind = ["-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    const ca = ["-addext", "basicConstraints=critical,CA:FALSE"];
    const { success } = await new Deno.Command("openssl", {
      args: ["req", ...kind, "-days", "2", ...subject, ...ca, ...files],
      stdout: "null",
      stderr: "null",
    }).output();
    assert.ok(success);
    const cert = await Deno.readTextFile(`${folder}/cert.pem`);
    const key = await Deno.readTextFile(`${folder}/key.pem`);
    const url = "tcp://localhost:0";
    const got = await sendOne(url, { tls: { cert, key } }, { tls: { caCerts: [cert] } });
    assert.equal(got.length, 1);
    await assert.rejects(sendOne(url, { tls: { cert, key } }, { timeout: 200 }), TransportError);
    await assert.rejects(openReceiver(url, { tls: { cert } }), TypeError);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test("tcp: a listening receiver says whom it did not let in, and why", async () => {
  const told: string[] = [];
  const notice = (line: string) => void told.push(line);
  await using receiver = await openReceiver("tcp://127.0.0.1:0", { secret: "right", notice });
  const url = `${receiver.url}?listen=false`;
  await using wrong = await openSender(url, { secret: "wrong" });
  const sending = wrong.send(message(new Uint8Array(1))).then(() => wrong.flush());
  await assert.rejects(sending, { code: "refused" });
  await using none = await openReceiver(url, { secret: "right" });
  await assert.rejects(none.receive(), { code: "refused" });
  const { host } = new URL(receiver.url);
  const line = `tcp://${host}: refused a peer at 127.0.0.1, because of `;
  await until(() => told.length === 2);
  // The two connections are told of in the order in which they end.
  assert.deepEqual(told.toSorted().reverse(), [
    `${line}the secret, which both ends must know`,
    `${line}the role: a sender needs a receiver`,
  ]);
});
