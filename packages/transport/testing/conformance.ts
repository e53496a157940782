/**
 * One suite for all channels: order, loss, duplicates, slow and killed ends, restarted brokers,
 * damaged bytes, empty and over-long messages, abort. What a channel may lose is read from its
 * row in the delivery table.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Broker } from "../trial/brokers.ts";
import {
  type ChannelOptions,
  type Delivery,
  openReceiver,
  openSender,
  type Receiver,
  type Sender,
} from "../channel.ts";
import { type ChannelName, DELIVERY, keeps } from "../delivery.ts";
import { TransportError } from "../errors.ts";
import { type Message, message, newStreamId } from "../message.ts";
import { within } from "../flow/abort.ts";
import { Resequencer } from "../flow/resequence.ts";
import { Command } from "./command.ts";
import { FaultProxy, type Faults } from "./fault_proxy.ts";
import { quiet, sleep, until } from "./waits.ts";

/** The limit of every URL in the suite. */
export const LIMIT = 3;

/** A fresh pair of URLs, for one case. */
export interface Place {
  readonly sender: string;
  readonly receiver: string;
}

/** A channel under test. */
export interface Target {
  readonly channel: ChannelName;
  /**
   * A place that nothing was sent to yet; where an end is `left`, killed or not, a broker should soon
   * give what it held to another. Elsewhere a busy machine must not look like a dead end.
   */
  place(use?: "left"): Place;
  /** The port to put a proxy before, of a place; not there where no bytes cross a socket. */
  port?(place: Place): number;
  /** Where that proxy has to listen, as the broker tells clients to. Default: anywhere. */
  readonly proxyPort?: number;
  /** The place seen through a proxy on another port. */
  through?(place: Place, port: number): Place;
  /** The broker, where there is one. */
  readonly broker?: Broker;
  /** It is a cluster, whose others go on while one server is dead. */
  readonly isCluster?: boolean;
  /** Deletes at the broker, behind the backs of both ends, where messages wait. */
  remove?(place: Place): Promise<void>;
  /** Messages that it holds beyond its row of the table. Default: 0. */
  readonly beyond?: number;
  /** Names of the cases to run. Default: all. */
  readonly cases?: RegExp;
  /** Deletes the group or the consumer. */
  forget?(place: Place): Promise<void>;
  /** Takes away the messages that wait there. */
  trim?(place: Place): Promise<void>;
}

type Case = (target: Target) => Promise<void>;

/** Every case by name. */
const CASES: Readonly<Record<string, Case>> = {
  "messages of all sizes arrive in order, as they were": inOrder,
  "over-long messages are refused by the sender": overCapSender,
  "over-long messages are left out by the receiver": overCapReceiver,
  "a stalled receiver bounds what is on its way": stalled,
  "a message that was sent twice comes once, and leaves nothing behind": twice,
  "a loop that is left leaves its message to the next": leftLoops,
  "a receiver that leaves after the end lets the sender go": leaves,
  "a receiver that comes back gets what it did not accept": receiverBack,
  "a killed receiver loses what the table says": receiverKilled,
  "a killed sender loses nothing acknowledged": senderKilled,
  "a killed broker loses what the table says": brokerKilled,
  "what is sent after the queue or stream was deleted is not lost": placeDeleted,
  "what is sent after messages were trimmed is not lost": trimmed,
  "a group or consumer that was deleted loses nothing": consumerDeleted,
  "damaged bytes are found": damaged,
  "a cut connection loses what the table says": cut,
  "a link that goes dead is given up, and holds up nobody who closes": deadLink,
  "bytes one at a time, and late, make the same messages": dribbled,
  "workers share the queue, order is restored behind them": workers,
  "abort ends every wait": aborted,
  "unknown parameters are refused": parameters,
};

/** A dead link is given up within some seconds, by RabbitMQ's heartbeat within fifteen. */
const DEAD_LIMIT = 40_000;

/** Closing takes two seconds, on a machine that is free. */
const CLOSE_LIMIT = 20_000;

/** Ends a case that hangs: some hundred times what the longest takes, on a machine that is free. */
const CASE_LIMIT = 600_000;

/** Runs all cases that fit a channel as steps of a test. */
export async function conformance(t: Deno.TestContext, target: Target): Promise<void> {
  for (const [name, run] of Object.entries(CASES)) {
    if (target.cases && !target.cases.test(name)) continue;
    const fn = () => within(CASE_LIMIT, name, run(target));
    await t.step({ name, ignore: !fits(run, target), fn });
  }
}

/** Cases in which something stands between the ends. */
const NEED_PROXY: ReadonlySet<Case> = new Set([damaged, cut, dribbled, deadLink]);

function fits(run: Case, { broker, port, channel, remove, trim, forget }: Target): boolean {
  // What a client sends over a WebSocket is masked: the proxy does not find what to damage.
  if (run === damaged && channel === "ws") return false;
  if (run === trimmed) return trim !== undefined;
  if (run === consumerDeleted) return forget !== undefined;
  if (run === placeDeleted) return remove !== undefined;
  if (run === brokerKilled) return broker !== undefined;
  if (run === deadLink && !keeps(channel, "receiverKilled")) return false;
  if (NEED_PROXY.has(run)) return port !== undefined;
  if (run === twice) return keeps(channel, "slowReceiver");
  if (run === workers) return DELIVERY[channel].receivers === "share the work";
  return true;
}

/** Both ends of a place; a subscriber is there before anything is sent. */
async function openBoth(
  { channel }: Target,
  place: Place,
  options: { sender?: ChannelOptions; receiver?: ChannelOptions } = {},
) {
  const stack = new AsyncDisposableStack();
  const sender = stack.use(await openSender(place.sender, { ...PATIENT, ...options.sender }));
  const receiver = stack.use(
    await openReceiver(place.receiver, { ...PATIENT, ...options.receiver }),
  );
  if (channel === "zmq-pub") await until(() => sender.counters.connections > 0);
  return {
    sender,
    receiver,
    [Symbol.asyncDispose]: async () => {
      // The sender goes first and may wait for acknowledgements of nobody: do not wait.
      await receiver.close();
      await Promise.allSettled([sender.close(), stack.disposeAsync()]);
    },
  };
}

/** No end gives up before its case does. */
const PATIENT: ChannelOptions = { timeout: CASE_LIMIT, notice: () => {} };

function numbered(streamId: string, count: number, size = 100): Message[] {
  return Array.from(
    { length: count },
    (_, sequence) =>
      message(new Uint8Array(size).fill(sequence), {
        streamId,
        sequence,
        pts: sequence / 24,
        end: sequence === count - 1,
      }),
  );
}

async function sendAll(sender: Sender, messages: Iterable<Message>): Promise<void> {
  for (const message of messages) await sender.send(message);
  await sender.flush();
}

/** Receives and accepts so many messages of different sequences. */
async function receiveSome(receiver: Receiver, count: number, seen = new Map<number, number>()) {
  while (seen.size < count) {
    const delivery = await receiver.receive();
    assert.ok(delivery, "the receiver ended");
    note(seen, delivery);
    await delivery.accept();
  }
  return seen;
}

function note(seen: Map<number, number>, { message: { sequence } }: Delivery): void {
  seen.set(sequence, (seen.get(sequence) ?? 0) + 1);
}

async function inOrder(target: Target): Promise<void> {
  await using ends = await openBoth(target, target.place());
  const streamId = newStreamId();
  const sizes = [0, 1, 255, 256, 2880, 65_535, 92_160, 0, 300_000];
  const sent = sizes.map((size, sequence) =>
    message(crypto.getRandomValues(new Uint8Array(Math.min(size, 65_536))), {
      streamId,
      sequence,
      pts: (sequence - 3) / 24,
      modelId: "0123456789abcdef",
      key: sequence % 2 === 0,
      afterDrop: sequence === 3,
      end: sequence === sizes.length - 1,
    })
  );
  const got: Message[] = [];
  const sending = eachAfterTheLast(ends, sent, got, target.channel === "zmq-pub");
  for await (const message of ends.receiver) got.push(message);
  await sending;
  const rounded = sent.map((m) => ({ ...m, pts: Math.round(m.pts * 1e6) / 1e6 }));
  assert.deepEqual(
    got.map(({ pts, ...m }) => ({ ...m, pts: Math.round(pts * 1e6) / 1e6 })),
    rounded,
  );
  const { sent: count, acknowledged, inFlight } = ends.sender.counters;
  assert.deepEqual({ count, acknowledged, inFlight }, {
    count: sizes.length,
    acknowledged: sizes.length,
    inFlight: 0,
  });
  const { received, accepted, duplicates, corrupt, gaps } = ends.receiver.counters;
  assert.deepEqual({ received, accepted, duplicates, corrupt, gaps }, {
    received: sizes.length,
    accepted: sizes.length,
    duplicates: 0,
    corrupt: 0,
    gaps: 0,
  });
}

/** Sends; where a channel may lose, each message only when the one before has come. */
async function eachAfterTheLast(
  { sender }: { sender: Sender },
  messages: Message[],
  got: unknown[],
  lockstep: boolean,
): Promise<void> {
  for (const [i, message] of messages.entries()) {
    if (lockstep) await until(() => got.length === i);
    const payload = message.payload.slice();
    await sender.send({ ...message, payload });
    // Whoever sent a message may use its buffer for the next.
    payload.fill(0xee);
  }
  await sender.flush();
}

async function overCapSender(target: Target): Promise<void> {
  await using ends = await openBoth(target, target.place(), { sender: { maxPayload: 1000 } });
  const isLimit = (e: unknown) => e instanceof TransportError && e.code === "limit";
  await assert.rejects(ends.sender.send(message(new Uint8Array(1001))), isLimit);
  await ends.sender.send(message(new Uint8Array(1000), { end: true }));
  const got = await Array.fromAsync(ends.receiver);
  assert.deepEqual(got.map(({ payload }) => payload.length), [1000]);
}

async function overCapReceiver(target: Target): Promise<void> {
  const receiver = { maxPayload: 1000 };
  await using ends = await openBoth(target, target.place(), { receiver });
  const streamId = newStreamId();
  const sizes = [10, 2_000_000, 1001, 1000];
  const sending = (async () => {
    for (const [sequence, size] of sizes.entries()) {
      // NATS itself has a cap of 1 MiB.
      const bytes = target.channel === "nats" ? Math.min(size, 900_000) : size;
      await ends.sender.send(
        message(new Uint8Array(bytes), { streamId, sequence, end: sequence === 3 }),
      );
      // A subscriber that does not keep up misses messages.
      const read = () => ends.receiver.counters.received + ends.receiver.counters.corrupt;
      if (target.channel === "zmq-pub") await until(() => read() > sequence);
    }
  })();
  const got = await Array.fromAsync(ends.receiver);
  await sending;
  assert.deepEqual(got.map(({ sequence }) => sequence), [0, 3]);
  assert.equal(ends.receiver.counters.corrupt, 2);
  assert.equal(ends.receiver.counters.gaps, 2);
}

async function stalled(target: Target): Promise<void> {
  await using ends = await openBoth(target, target.place());
  const streamId = newStreamId();
  const sending = sendAll(ends.sender, numbered(streamId, 40, 92_160));
  const first = await ends.receiver.receive();
  if (keeps(target.channel, "slowReceiver")) await quiet(() => ends.sender.counters.sent);
  else await sending;
  const { sent, acknowledged, dropped } = ends.sender.counters;
  const bound = DELIVERY[target.channel].inFlight(LIMIT) + (target.beyond ?? 0);
  if (keeps(target.channel, "slowReceiver")) {
    assert.ok(sent <= bound, `${sent} on their way, at most ${bound}`);
    assert.equal(dropped, 0);
  } else assert.equal(acknowledged, 40);
  await first!.accept();
  const seen = new Map([[first!.message.sequence, 1]]);
  for (;;) {
    const delivery = await ends.receiver.receive();
    note(seen, delivery!);
    await delivery!.accept();
    if (delivery!.message.end) break;
  }
  await sending;
  const { gaps } = ends.receiver.counters;
  if (keeps(target.channel, "slowReceiver")) assert.equal(seen.size, 40);
  else assert.ok(seen.size <= bound + 1, `${seen.size} came of a stalled subscriber's 40`);
  assert.equal(seen.size + gaps, 40);
}

async function twice(target: Target): Promise<void> {
  const place = target.place();
  const sender = await openSender(place.sender, PATIENT);
  const receiver = await openReceiver(place.receiver, PATIENT);
  const [first, last] = numbered(newStreamId(), 2);
  const sending = sendAll(sender, [first!, first!, last!]);
  const delivery = await receiver.receive();
  // Time for the second copy to come, while the first is held.
  await sleep(300);
  await delivery!.accept();
  assert.deepEqual(await Array.fromAsync(receiver, ({ sequence }) => sequence), [1]);
  await sending;
  await sender.close();
  await receiver.close();
  await using again = await openReceiver(place.receiver, PATIENT);
  const signal = AbortSignal.timeout(500);
  await assert.rejects(again.receive({ signal }), { name: "TimeoutError" });
}

async function leftLoops(target: Target): Promise<void> {
  await using ends = await openBoth(target, target.place());
  const sending = sendAll(ends.sender, numbered(newStreamId(), 5));
  for await (const { sequence } of ends.receiver) if (sequence === 1) break;
  const reader = ends.receiver.readable.getReader();
  assert.equal((await reader.read()).value?.sequence, 1);
  await reader.cancel();
  const rest = await Array.fromAsync(ends.receiver, ({ sequence }) => sequence);
  assert.deepEqual(rest, [1, 2, 3, 4]);
  await sending;
  assert.equal(ends.receiver.counters.accepted, 5);
}

async function leaves(target: Target): Promise<void> {
  for (let round = 0; round < 5; round++) {
    const { sender, receiver } = await openBoth(target, target.place());
    // Nothing between the last acceptance and closing: what tells of it may not have come yet.
    const receiving = (async () => {
      for await (const _ of receiver);
      await receiver.close();
    })();
    for (const message of numbered(newStreamId(), 5, 2880)) await sender.send(message);
    await receiving;
    await sender.close();
    assert.equal(sender.counters.acknowledged, 5);
  }
}

async function receiverBack(target: Target): Promise<void> {
  const place = target.place("left");
  const sender = await openSender(place.sender, PATIENT);
  let receiver = await openReceiver(place.receiver, PATIENT);
  if (target.channel === "zmq-pub") await until(() => sender.counters.connections > 0);
  const sending = sendAll(sender, numbered(newStreamId(), 12));
  await receiver.receive();
  const second = await receiver.receive();
  await receiver.close();
  assert.equal(await receiver.receive(), undefined);
  // Too late, and harmless.
  await second!.accept();
  receiver = await openReceiver(place.receiver, PATIENT);
  // Whether the late acceptance still counted is the channel's affair.
  const seen = new Set([second!.message.sequence]);
  const receiving = receiveAll(receiver, seen);
  await sending;
  await sender.close();
  if (keeps(target.channel, "receiverKilled")) await until(() => seen.size === 12);
  await receiver.close();
  await receiving;
}

/** Receives and accepts until the receiver is closed. */
async function receiveAll(receiver: Receiver, seen: Set<number>): Promise<void> {
  for (let next = await receiver.receive(); next; next = await receiver.receive()) {
    seen.add(next.message.sequence);
    await next.accept();
  }
}

async function receiverKilled(target: Target): Promise<void> {
  const place = target.place("left");
  const count = 40;
  let command = new Command("receive", place.receiver);
  const sender = await openSender(place.sender, PATIENT);
  const seen = new Set<string>();
  const collect = () => command.lines.forEach((line) => seen.add(line.split(" ")[1]!));
  const sending = (async () => {
    for (const message of numbered(newStreamId(), count)) {
      await sender.send(message);
      await sleep(5);
    }
    await sender.flush();
  })();
  await until(() => command.lines.length >= 10 || sender.counters.sent === count);
  await command.kill();
  collect();
  command = new Command("receive", place.receiver);
  if (keeps(target.channel, "receiverKilled")) {
    await until(() => (collect(), seen.size === count));
  }
  await sending;
  await sender.close();
  await command.kill();
}

async function senderKilled(target: Target): Promise<void> {
  if (!keeps(target.channel, "senderKilled")) return;
  const place = target.place("left");
  const receiver = await openReceiver(place.receiver, PATIENT);
  const streamId = newStreamId();
  const args = (from: number) =>
    ["--stream", streamId, "--from", from, "--count", 60 - from, "--size", 100].map(String);
  const first = new Command("send", place.sender, ...args(0));
  // No more is accepted before the sender is gone: it is killed with messages on their way.
  const seen = await receiveSome(receiver, 15);
  await until(() => Number(first.lines.at(-1)) > 0);
  await first.kill();
  const acknowledged = Number(first.lines.at(-1));
  assert.ok(acknowledged < 60);
  const second = new Command("send", place.sender, ...args(acknowledged));
  await receiveSome(receiver, 60, seen);
  await second.end();
  assert.equal(Number(second.lines.at(-1)), 60);
  assert.deepEqual([...seen.keys()].sort((a, b) => a - b), [...Array(60).keys()]);
  await receiver.close();
}

async function brokerKilled(target: Target): Promise<void> {
  const broker = target.broker!;
  await using ends = await openBoth(target, target.place("left"));
  const sending = sendAll(ends.sender, numbered(newStreamId(), 60));
  const seen = await receiveSome(ends.receiver, 15);
  await broker.kill();
  if (target.isCluster) await receiveSome(ends.receiver, 30, seen);
  await broker.start();
  await receiveSome(ends.receiver, 60, seen);
  await sending;
  assert.ok(ends.sender.counters.connections >= 2);
  assert.ok(ends.receiver.counters.connections >= 2);
}

async function placeDeleted(target: Target): Promise<void> {
  const place = target.place("left");
  await using sender = await openSender(place.sender, PATIENT);
  const messages = numbered(newStreamId(), 10);
  await sendAll(sender, messages.slice(0, 1));
  await target.remove!(place);
  await sendAll(sender, messages.slice(1, 4));
  assert.equal(sender.counters.acknowledged, 4);
  await using receiver = await openReceiver(place.receiver, PATIENT);
  const seen = await within(DEAD_LIMIT, "receiving what came later", receiveSome(receiver, 3));
  assert.deepEqual([...seen.keys()], [1, 2, 3]);
  // The receiver, too, finds that it reads from nowhere.
  await target.remove!(place);
  const sending = sendAll(sender, messages.slice(4));
  await receiveSome(receiver, 9, seen);
  await sending;
}

/** What was trimmed is lost, counted, and nothing else. */
async function trimmed(target: Target): Promise<void> {
  const place = target.place("left");
  await using sender = await openSender(place.sender, PATIENT);
  const messages = numbered(newStreamId(), 10);
  await sendAll(sender, messages.slice(0, 3));
  await target.trim!(place);
  const sending = sendAll(sender, messages.slice(3));
  await using receiver = await openReceiver(place.receiver, PATIENT);
  const later = receiveSome(receiver, 7);
  const seen = await within(DEAD_LIMIT, "receiving what came later", later);
  assert.deepEqual([...seen.keys()], [3, 4, 5, 6, 7, 8, 9]);
  await sending;
}

async function consumerDeleted(target: Target): Promise<void> {
  const place = target.place("left");
  await using ends = await openBoth(target, place);
  const sending = sendAll(ends.sender, numbered(newStreamId(), 20));
  const seen = await receiveSome(ends.receiver, 3);
  for (const count of [8, 20]) {
    await target.forget!(place);
    const receiving = receiveSome(ends.receiver, count, seen);
    await within(DEAD_LIMIT, "receiving from another consumer", receiving);
  }
  await sending;
}

function proxyOf(target: Target, place: Place, faults: Faults = {}): FaultProxy {
  return new FaultProxy(target.port!(place), faults, "127.0.0.1", target.proxyPort);
}

/** Both ends with a proxy between them (or between the sender and the broker). */
async function openThrough(target: Target, faults: Faults) {
  const place = target.place();
  const stack = new AsyncDisposableStack();
  const proxy = stack.use(proxyOf(target, place, faults));
  const ends = stack.use(await openBoth(target, target.through!(place, proxy.port)));
  return { proxy, ...ends, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function damaged(target: Target): Promise<void> {
  await using ends = await openThrough(target, {});
  const marker = new TextEncoder().encode("damage this");
  const streamId = newStreamId();
  const payload = new Uint8Array(marker.length * 50);
  for (let at = 0; at < payload.length; at += marker.length) payload.set(marker, at);
  ends.proxy.faults.corrupt = marker;
  const sending = sendAll(ends.sender, [
    message(payload, { streamId, sequence: 0 }),
    message(payload, { streamId, sequence: 1, end: true }),
  ]);
  const got = await Array.fromAsync(ends.receiver);
  await sending;
  for (const message of got) assert.deepEqual(message.payload, payload);
  // Kafka has checksums of its own, and does not take what is damaged.
  assert.equal(ends.receiver.counters.corrupt, target.channel === "kafka" ? 0 : 1);
  // Only these notice in time to send the message again.
  const isSentAgain = ["tcp", "kafka"].includes(target.channel);
  assert.deepEqual(got.map(({ sequence }) => sequence), isSentAgain ? [0, 1] : [1]);
}

async function cut(target: Target): Promise<void> {
  await using ends = await openThrough(target, {});
  const count = 30;
  const sending = (async () => {
    for (const message of numbered(newStreamId(), count, 5000)) {
      if (message.sequence % 10 === 4) ends.proxy.faults.cutAfter = 3000;
      await ends.sender.send(message);
      await sleep(2);
    }
    await ends.sender.flush();
  })();
  if (keeps(target.channel, "receiverKilled")) await receiveSome(ends.receiver, count);
  await sending;
  assert.ok(ends.proxy.connections >= 2, `${ends.proxy.connections} connections`);
}

async function deadLink(target: Target): Promise<void> {
  const place = target.place("left");
  await using proxy = proxyOf(target, place);
  const isStored = DELIVERY[target.channel].loses.brokerKilled !== "no broker";
  const beating = (url: string) => isStored ? url : `${url}&heartbeat=200`;
  const { sender: from, receiver: to } = target.through!(place, proxy.port);
  // Both ends of a broker's channel have a link that can go dead.
  const through = isStored ? target.through!({ sender: to, receiver: to }, proxy.port).sender : to;
  const sender = await openSender(beating(from), PATIENT);
  const receiver = await openReceiver(beating(through), PATIENT);
  const count = 30;
  const sending = sendAll(sender, numbered(newStreamId(), count));
  const seen = await receiveSome(receiver, 10);
  proxy.darken();
  await within(DEAD_LIMIT, "giving up a dead link", receiveSome(receiver, count, seen));
  await sending;
  proxy.faults.dark = true;
  await sender.send(message(new Uint8Array(1)));
  await within(
    CLOSE_LIMIT,
    "closing over a dead link",
    Promise.all([sender.close(), receiver.close()]),
  );
  assert.deepEqual(sender.counters, { ...sender.counters, unsent: 1, inFlight: 0 });
}

async function dribbled(target: Target): Promise<void> {
  await using ends = await openThrough(target, { dribble: true, delay: 2 });
  const sent = numbered(newStreamId(), 5, 300);
  const got: Message[] = [];
  const sending = eachAfterTheLast(ends, sent, got, target.channel === "zmq-pub");
  for await (const message of ends.receiver) got.push(message);
  await sending;
  assert.deepEqual(got.map(({ payload }) => payload), sent.map(({ payload }) => payload));
}

async function workers(target: Target): Promise<void> {
  const { sender: url, receiver } = target.place();
  // PUSH connects to each of its peers: here the sender listens and the workers connect.
  const listening = target.channel === "zmq-push";
  await using sender = await openSender(listening ? `${url}&listen=true` : url, PATIENT);
  const order = new Resequencer<Message>({ window: 16, timeout: CASE_LIMIT });
  const writer = order.writable.getWriter();
  const shares = [0, 0, 0];
  const receivers = await Promise.all(
    shares.map(() => openReceiver(listening ? `${receiver}&listen=false` : receiver, PATIENT)),
  );
  // Nobody gets all before the others are there.
  await until(() => receivers.every(({ counters }) => counters.connections > 0));
  const count = 60;
  const working = Promise.all(receivers.map(async (receiver, i) => {
    for (let delivery = await receiver.receive(); delivery; delivery = await receiver.receive()) {
      shares[i]!++;
      await sleep(1 + 3 * i);
      await writer.write(delivery.message);
      await delivery.accept();
    }
  }));
  const sending = sendAll(sender, numbered(newStreamId(), count));
  const reader = order.readable.getReader();
  for (let sequence = 0; sequence < count; sequence++) {
    assert.equal((await reader.read()).value?.sequence, sequence);
  }
  await sending;
  for (const receiver of receivers) await receiver.close();
  await working;
  assert.ok(shares.filter((share) => share > 0).length >= 2, `shares ${shares}`);
  await reader.cancel();
}

async function aborted(target: Target): Promise<void> {
  const place = target.place();
  const abort = new AbortController();
  const { signal } = abort;
  const receiver = await openReceiver(place.receiver, { signal });
  const sender = await openSender(place.sender, { signal });
  const isReason = /that is enough/;
  const waiting = receiver.receive();
  const own = AbortSignal.timeout(20);
  await assert.rejects(receiver.receive({ signal: own }), { name: "TimeoutError" });
  abort.abort(new Error("that is enough"));
  await assert.rejects(waiting, isReason);
  await assert.rejects(sender.send(message(new Uint8Array(1))), isReason);
  await assert.rejects(sender.flush(), isReason);
  await assert.rejects(openSender(place.sender, { signal }), isReason);
  // What was thrown before is not thrown again.
  await Promise.all([receiver.close(), sender.close()]);
  await abortedWhileOpening(target);
  if (keeps(target.channel, "slowReceiver")) await abortedWhileFull(target);
}

/** An end that is not open yet never is, or says so. */
async function abortedWhileOpening(target: Target): Promise<void> {
  for (const ticks of [0, 1, 3, 10, 30]) {
    const place = target.place();
    const abort = new AbortController();
    const { signal } = abort;
    const receiving = openReceiver(place.receiver, { signal }).then((end) => end.receive());
    const sending = openSender(place.sender, { signal })
      .then((end) => sleep(5).then(() => end.send(message(new Uint8Array(1)))));
    for (let tick = 0; tick < ticks; tick++) await undefined;
    abort.abort(new Error("that is enough"));
    await Promise.all(
      [receiving, sending].map((opening) => assert.rejects(opening, /that is enough/)),
    );
  }
}

/** A sender that waits for room ends with its own signal, and with the channel's. */
async function abortedWhileFull(target: Target): Promise<void> {
  const place = target.place();
  const abort = new AbortController();
  const sender = await openSender(place.sender, { ...PATIENT, signal: abort.signal });
  const filling = (async () => {
    for (const message of numbered(newStreamId(), 40)) await sender.send(message);
  })();
  const ended = assert.rejects(filling, /that is enough/);
  await quiet(() => sender.counters.sent);
  const late = sender.send(message(new Uint8Array(1)), { signal: AbortSignal.timeout(10) });
  await assert.rejects(late, { name: "TimeoutError" });
  abort.abort(new Error("that is enough"));
  await ended;
  await sender.close();
}

async function parameters(target: Target): Promise<void> {
  const { sender, receiver } = target.place();
  for (const wrong of ["colour=red", "limit=-1&credits=-1", "limit=x&credits=x"]) {
    await assert.rejects(
      openSender(`${sender}&${wrong}`.replace(/(limit|credits)=3&/, "")),
      RangeError,
    );
    await assert.rejects(
      openReceiver(`${receiver}&${wrong}`.replace(/(limit|credits)=3&/, "")),
      RangeError,
    );
  }
}
