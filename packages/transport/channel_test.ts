import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { freePort } from "./site/free_port.ts";
import { type ChannelOptions, openReceiver, openSender } from "./channel.ts";
import { Queue } from "./flow/queue.ts";
import { Inbox } from "./channels/inbox.ts";
import { encodeMessage, type Message, message, newStreamId } from "./message.ts";

function numbered(count: number, streamId = newStreamId()): Message[] {
  return Array.from(
    { length: count },
    (_, sequence) =>
      message(new Uint8Array(10).fill(sequence), {
        streamId,
        sequence,
        end: sequence === count - 1,
      }),
  );
}

async function pair(options: ChannelOptions = {}) {
  const receiver = await openReceiver("tcp://127.0.0.1:0", options);
  const sender = await openSender(receiver.url, options);
  return { sender, receiver };
}

Deno.test("channel: both ends are streams", async () => {
  const { sender, receiver } = await pair();
  const sending = ReadableStream.from(numbered(20)).pipeTo(sender.writable);
  const doubled = receiver.readable.pipeThrough(
    new TransformStream<Message, number>({ transform: (m, out) => out.enqueue(m.sequence * 2) }),
  );
  assert.deepEqual(await Array.fromAsync(doubled), Array.from({ length: 20 }, (_, i) => i * 2));
  await sending;
  assert.equal(sender.counters.acknowledged, 20);
  await receiver.close();
});

Deno.test("channel: a loop that is left by break does not accept the message at hand", async () => {
  const { sender, receiver } = await pair();
  const [first, second] = numbered(2);
  await sender.send(first!);
  await sender.send(second!);
  for await (const { sequence } of receiver) if (sequence === 1) break;
  while (sender.counters.acknowledged < 1) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(sender.counters.inFlight, 1);
  await receiver.close();
  const again = await openReceiver(sender.url);
  assert.deepEqual(await Array.fromAsync(again, ({ sequence }) => sequence), [1]);
  await sender.close();
  await again.close();
});

Deno.test("channel: a stream that waits for a message can be cancelled, and swallows none", async () => {
  const pipes: ((readable: ReadableStream<Message>) => Promise<void>)[] = [
    async (readable) => {
      const reader = readable.getReader();
      const reading = reader.read();
      await sleep(20);
      await reader.cancel();
      assert.equal((await reading).done, true);
    },
    async (readable) => {
      const { signal } = abort;
      const piping = readable.pipeTo(new WritableStream(), { signal });
      await sleep(20);
      abort.abort();
      await assert.rejects(piping, { name: "AbortError" });
    },
  ];
  const abort = new AbortController();
  for (const pipe of pipes) {
    const { sender, receiver } = await pair();
    await pipe(receiver.readable);
    await sender.send(message(new Uint8Array(1), { end: true }));
    assert.equal((await Array.fromAsync(receiver)).length, 1);
    await sender.close();
    await receiver.close();
  }
});

Deno.test("channel: a stream that waits for room can be aborted", async () => {
  const { sender, receiver } = await pair();
  for (const message of numbered(3)) await sender.send(message);
  const writer = sender.writable.getWriter();
  const writing = assert.rejects(writer.write(message(new Uint8Array(1))), /that is enough/);
  await sleep(20);
  await writer.abort(new Error("that is enough"));
  await writing;
  await assert.rejects(sender.send(message(new Uint8Array(1))), /that is enough/);
  await sender.close();
  await receiver.close();
});

Deno.test("channel: what was accepted is released", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const inbox = new Inbox(1000);
  const streamId = newStreamId();
  const held: WeakRef<Uint8Array>[] = [];
  for (let sequence = 0; sequence < 20; sequence++) {
    const bytes = encodeMessage(message(new Uint8Array(100), { streamId, sequence }));
    held.push(new WeakRef(bytes));
    inbox.offer(bytes, () => void bytes.length);
    await (await inbox.receive())!.accept();
  }
  await sleep(1);
  collect();
  const left = held.filter((ref) => ref.deref() !== undefined);
  assert.ok(left.length <= 1, `${left.length} of 20 are held still`);
});

Deno.test("channel: deliveries may be accepted in any order", async () => {
  const { sender, receiver } = await pair();
  const sending = (async () => {
    for (const message of numbered(3)) await sender.send(message);
  })();
  const [a, b, c] = [await receiver.receive(), await receiver.receive(), await receiver.receive()];
  await sending;
  await c!.accept();
  await b!.accept();
  assert.equal(sender.counters.acknowledged, 0);
  await a!.accept();
  await a!.accept();
  await sender.close();
  assert.equal(sender.counters.acknowledged, 3);
  assert.equal(receiver.counters.accepted, 3);
  await receiver.close();
});

Deno.test("channel: a dropping queue before a stalled receiver accounts for every message", async () => {
  const abort = new AbortController();
  const { sender, receiver } = await pair({ signal: abort.signal });
  const dropped: number[] = [];
  const queue = new Queue<Message>({
    capacity: 2,
    policy: "drop-oldest",
    onDrop: ({ sequence }) => dropped.push(sequence),
  });
  const piping = queue.readable.pipeTo(sender.writable);
  const writer = queue.writable.getWriter();
  for (const message of numbered(100)) {
    await writer.write(message);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.ok(sender.counters.sent <= 3);
  const closing = writer.close();
  const got = await Array.fromAsync(receiver, ({ sequence }) => sequence);
  await Promise.all([closing, piping]);
  assert.equal(got.length + dropped.length, 100);
  assert.equal(got.at(-1), 99);
  assert.equal(receiver.counters.gaps, dropped.length);
  await receiver.close();
});

Deno.test("channel: a receiver may come before the sender, and the other way round", async () => {
  const url = `tcp://127.0.0.1:${freePort()}`;
  const sender = await openSender(url);
  await sender.send(message(new Uint8Array(1), { end: true }));
  const receiver = await openReceiver(url);
  assert.equal((await Array.fromAsync(receiver)).length, 1);
  await sender.close();
  await receiver.close();
});

Deno.test("channel: closed ends say so", async () => {
  const { sender, receiver } = await pair();
  await sender.close();
  await sender.close();
  await assert.rejects(sender.send(message(new Uint8Array(1))), { code: "closed" });
  await receiver.close();
  await receiver.close();
  assert.equal(await receiver.receive(), undefined);
  assert.deepEqual(await Array.fromAsync(receiver), []);
});

Deno.test("channel: a broker that is not there is reported after the timeout", async () => {
  const port = freePort();
  for (const scheme of ["redis", "amqp", "nats"]) {
    const url = `${scheme}://127.0.0.1:${port}`;
    const receiver = await openReceiver(url, { timeout: 100 });
    const sender = await openSender(url, { patience: 100 }); // formerly: patience
    await assert.rejects(
      receiver.receive(),
      { code: "unreachable", message: /for 100 ms/ },
      scheme,
    );
    const sent = sender.send(message(new Uint8Array(1))).then(() => sender.flush());
    await assert.rejects(sent, { code: "unreachable", message: /for 100 ms/ }, scheme);
    await sender.close();
    await receiver.close();
  }
});

Deno.test("channel: a message that comes again is known by stream and sequence", async () => {
  const inbox = new Inbox(1000);
  const accepted: string[] = [];
  const offer = (copy: string, sequence: number, streamId: string) =>
    inbox.offer(encodeMessage(message(new Uint8Array(1), { streamId, sequence })), () => {
      accepted.push(copy);
    });
  const id = newStreamId();
  offer("first", 0, id);
  offer("second", 0, id);
  assert.deepEqual(accepted, []);
  await (await inbox.receive())!.accept();
  offer("third", 0, id);
  // The copies that came while it was held are accepted with it; later ones at once.
  assert.deepEqual(accepted, ["first", "second", "third"]);
  assert.deepEqual([inbox.counters.received, inbox.counters.duplicates], [1, 2]);
  const none = "0000000000000000";
  offer("a", 0, none);
  offer("b", 0, none);
  assert.equal(inbox.counters.received, 3);
});

Deno.test("channel: gaps are counted, and what comes late or is too old to be known is received", () => {
  const inbox = new Inbox(1000);
  const streamId = newStreamId();
  const deliver = (sequence: number) =>
    inbox.deliver(message(new Uint8Array(1), { streamId, sequence }), () => {});
  for (const sequence of [5, 6, 9, 8, 3]) deliver(sequence);
  const { received, duplicates, gaps } = inbox.counters;
  assert.deepEqual({ received, duplicates, gaps }, { received: 5, duplicates: 0, gaps: 2 });
  deliver(5000);
  deliver(10);
  assert.deepEqual([inbox.counters.received, inbox.counters.duplicates], [7, 0]);
});

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
