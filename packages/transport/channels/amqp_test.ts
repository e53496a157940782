import assert from "node:assert/strict";
import amqplib from "amqplib";
import { existsSync } from "node:fs";
import { findProgram, needs } from "#testing/shared.ts";
import { type Broker, hasBroker, startBroker } from "../trial/brokers.ts";
import { openReceiver, openSender, type Receiver } from "../channel.ts";
import { message, newStreamId } from "../message.ts";
import { conformance, LIMIT, type Place } from "../testing/conformance.ts";
import { FaultProxy } from "../testing/fault_proxy.ts";
import { until } from "../testing/waits.ts";

/**
 * The cases in which a quorum queue may differ. RabbitMQ 3.10 that was killed does not take up one
 * of which it is the only server.
 */
const QUORUM =
  /of all sizes|stalled|sent twice|comes back|a killed receiver|queue or stream was deleted|workers/;

/** Does something to the queue of a place, over a connection of its own. */
async function withQueue(
  port: number,
  { receiver }: Place,
  act: (channel: amqplib.Channel, queue: string) => Promise<unknown>,
): Promise<void> {
  const connection = await amqplib.connect(`amqp://127.0.0.1:${port}/`);
  const channel = await connection.createChannel();
  await act(channel, new URL(receiver).searchParams.get("queue")!);
  await connection.close();
}

const CONTROL = ["/usr/lib/rabbitmq/bin/rabbitmqctl", findProgram("rabbitmqctl")]
  .find((path) => path !== undefined && existsSync(path));

/** Lets a node evaluate a line of Erlang. */
async function evaluate({ env }: Broker, line: string): Promise<void> {
  const control = new Deno.Command(CONTROL!, { args: ["eval", line], env: { ...env } });
  const { success, stderr } = await control.output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** A user who may make one queue, and neither write nor read it. */
async function withRights(broker: Broker): Promise<void> {
  const users = "rabbit_auth_backend_internal";
  const rights = '<<"/">>, <<"^own$">>, <<"^$">>, <<"^$">>';
  const added = `${users}:add_user(<<"bound">>, <<"right">>, <<"test">>)`;
  const granted = `${users}:set_permissions(<<"bound">>, ${rights}, <<"test">>)`;
  await evaluate(broker, `${added}, ${granted}.`);
  for (const queue of ["own", "other"]) {
    const url = `amqp://bound:right@127.0.0.1:${broker.port}/?queue=${queue}`;
    const told = {
      code: "refused",
      message: /^Cannot use queue \w+: RabbitMQ refuses: (?!Cannot).*403/,
    };
    await using receiver = await openReceiver(url, { timeout: 600_000 });
    await assert.rejects(receiver.receive(), told);
    const sender = await openSender(url, { timeout: 600_000 });
    await sender.send(message(new Uint8Array(1)));
    await assert.rejects(sender.flush(), told);
    await sender.close();
  }
}

/** The start of a confirm on the first channel: basic.ack, which basic.nack resembles. */
const CONFIRM = [1, 0, 1, 0, 0, 0, 13, 0, 60, 0, 80];
const NACK = 120;

/** Makes refusals of a server's confirms. */
function refuseAll(bytes: Uint8Array): void {
  for (let at = 0; at + CONFIRM.length <= bytes.length; at++) {
    if (CONFIRM.every((byte, i) => bytes[at + i] === byte)) bytes[at + CONFIRM.length - 1] = NACK;
  }
}

/** What RabbitMQ 3.10 does while a quorum queue chooses a leader: it refuses, and is empty. */
async function emptyAndRefusing(port: number): Promise<void> {
  await using proxy = new FaultProxy(port);
  proxy.faults.rewrite = (bytes) => {
    if (proxy.connections === 1) refuseAll(bytes);
  };
  const queue = `?queue=stuck&copies=3&limit=${LIMIT}`;
  await using receiver = await openReceiver(`amqp://127.0.0.1:${port}/${queue}`);
  const through = `amqp://127.0.0.1:${proxy.port}/${queue}`;
  await using sender = await openSender(through, { timeout: 600_000 });
  // What it refuses it stores all the same: the receiver knows the copies.
  await sender.send(message(new Uint8Array(1), { streamId: newStreamId() }));
  const delivery = await receiver.receive();
  await delivery!.accept();
  assert.equal(sender.counters.acknowledged, 0);
  await sender.flush();
  assert.equal(sender.counters.connections, 2);
}

/** What is sent while the broker is out of memory is stored when it has some again. */
async function withoutMemory(broker: Broker): Promise<void> {
  const mark = (share: number) =>
    evaluate(broker, `vm_memory_monitor:set_vm_memory_high_watermark(${share}).`);
  await mark(0.0001);
  const told: string[] = [];
  const options = { timeout: 600_000, notice: (line: string) => void told.push(line) };
  await using sender = await openSender(`amqp://127.0.0.1:${broker.port}/?queue=full`, options);
  await sender.send(message(new Uint8Array(1)));
  await until(() => told.includes("RabbitMQ takes no messages for now: low on memory"));
  assert.equal(sender.counters.acknowledged, 0);
  await mark(0.4);
  await sender.flush();
}

/** A receiver that holds as many messages as it may, while as many wait. */
async function holding(url: string): Promise<Receiver> {
  const receiver = await openReceiver(url, { timeout: 600_000 });
  await using sender = await openSender(url, { timeout: 600_000 });
  const streamId = newStreamId();
  for (let sequence = 0; sequence < 2 * LIMIT; sequence++) {
    await sender.send(message(new Uint8Array(1), { streamId, sequence }));
  }
  await sender.flush();
  await until(() => receiver.counters.received === LIMIT);
  return receiver;
}

/** The sequence numbers that come, each accepted, up to the last that was sent. */
async function upToLast(receiver: Receiver): Promise<number[]> {
  const signal = AbortSignal.timeout(600_000);
  const came: number[] = [];
  while (came.at(-1) !== 2 * LIMIT - 1) {
    const delivery = await receiver.receive({ signal });
    came.push(delivery!.message.sequence);
    await delivery!.accept();
  }
  return came;
}

/**
 * RabbitMQ 3.10 drops the oldest messages beyond an `x-max-length` when it starts, whatever its
 * `x-overflow`. More than the limit wait where a receiver is gone that held some.
 */
async function restarted(broker: Broker): Promise<void> {
  const urlOf = (queue: string) => `amqp://127.0.0.1:${broker.port}/?limit=${LIMIT}&queue=${queue}`;
  await using alive = await holding(urlOf("alive"));
  const gone = await holding(urlOf("gone"));
  await gone.close();
  const place = { sender: urlOf("gone"), receiver: urlOf("gone") };
  let waiting = 0;
  while (waiting < 2 * LIMIT) {
    await withQueue(broker.port, place, async (channel, queue) => {
      waiting = (await channel.checkQueue(queue)).messageCount;
    });
  }
  await broker.kill();
  await broker.start();
  const all = [...Array(2 * LIMIT).keys()];
  assert.deepEqual(await upToLast(alive), all);
  await using next = await openReceiver(urlOf("gone"), { timeout: 600_000 });
  assert.deepEqual(await upToLast(next), all);
}

Deno.test({
  name: "channel: amqp keeps its promises",
  ...needs(hasBroker("rabbitmq")),
  async fn(t) {
    await using broker = await startBroker("rabbitmq");
    const { port } = broker;
    let places = 0;
    await conformance(t, {
      channel: "amqp",
      broker,
      place() {
        const url = `amqp://127.0.0.1:${port}/?limit=${LIMIT}&queue=q${places++}`;
        return { sender: url, receiver: url };
      },
      remove: (place) => withQueue(port, place, (channel, queue) => channel.deleteQueue(queue)),
      trim: (place) =>
        withQueue(port, place, async (channel, queue) => {
          assert.equal((await channel.purgeQueue(queue)).messageCount, 3);
        }),
      port: () => port,
      through: ({ sender, receiver }, port) => ({
        sender: sender.replace(/:\d+/, `:${port}`),
        receiver,
      }),
    });
    await t.step("so does a quorum queue", async (t) => {
      await conformance(t, {
        channel: "amqp",
        broker,
        cases: QUORUM,
        // It refuses when it has one too many.
        beyond: 1,
        place() {
          const url = `amqp://127.0.0.1:${port}/?limit=${LIMIT}&copies=3&queue=q${places++}`;
          return { sender: url, receiver: url };
        },
        remove: (place) => withQueue(port, place, (channel, queue) => channel.deleteQueue(queue)),
      });
    });
    await t.step("a sender that a queue refuses though it is empty connects again", async () => {
      await emptyAndRefusing(port);
    });
    await t.step(
      "a queue that holds more than its limit when the broker starts keeps it",
      async () => {
        await restarted(broker);
      },
    );
    await t.step("a message that the server does not take is told of at once", async () => {
      await using sender = await openSender(`amqp://127.0.0.1:${port}/?queue=long`);
      await sender.send(message(new Uint8Array(17 << 20)));
      await assert.rejects(sender.flush(), { code: "limit" });
    });
    await t.step("a receiver whose channel the server closes opens another", async () => {
      await using proxy = new FaultProxy(port);
      const queue = "?queue=closed";
      await using receiver = await openReceiver(`amqp://127.0.0.1:${proxy.port}/${queue}`);
      await using sender = await openSender(`amqp://127.0.0.1:${port}/${queue}`);
      const streamId = newStreamId();
      await sender.send(message(new Uint8Array(1), { streamId, sequence: 0 }));
      const delivery = await receiver.receive();
      // basic.ack of delivery 1, which becomes one that the server does not know.
      proxy.faults.corrupt = new Uint8Array([0, 0, 0, 0, 0, 0, 0, 1, 0, 0xce]);
      await delivery!.accept();
      await until(() => receiver.counters.connections === 2);
      assert.equal(proxy.faults.corrupt, undefined);
      await sender.send(message(new Uint8Array(1), { streamId, sequence: 1 }));
      const next = await receiver.receive();
      assert.equal(next!.message.sequence, 1);
      await next!.accept();
    });
    await t.step(
      "a wrong password is told of at once, in the broker's words, and a wrong vhost",
      async () => {
        const wrong = [
          ["guest:wrong", "%2f", /RabbitMQ refuses: .*ACCESS_REFUSED/],
          ["guest:guest", "nothing", /vhost nothing: RabbitMQ refuses: it is not there/],
        ] as const;
        for (const [user, path, told] of wrong) {
          const url = `amqp://${user}@127.0.0.1:${port}/${path}`;
          await using receiver = await openReceiver(url, { timeout: 600_000 });
          await assert.rejects(receiver.receive(), { code: "refused", message: told });
        }
      },
    );
    await t.step("a vhost that is not there for a moment is asked for again", async () => {
      // The vhost of connection.open becomes one that the server does not have.
      const corrupt = new Uint8Array([0x2f, 0x00, 0x00, 0xce]);
      await using proxy = new FaultProxy(port, { corrupt });
      const url = `amqp://127.0.0.1:${proxy.port}/?queue=moment`;
      await using receiver = await openReceiver(url);
      await until(() => proxy.faults.corrupt === undefined);
      await using sender = await openSender(`amqp://127.0.0.1:${port}/?queue=moment`);
      await sender.send(message(new Uint8Array(1), { streamId: newStreamId(), sequence: 0 }));
      const delivery = await receiver.receive();
      assert.equal(delivery!.message.sequence, 0);
      await delivery!.accept();
    });
    await t.step({
      name: "a user without rights is refused, a broker without memory waited for with a word",
      ignore: CONTROL === undefined,
      async fn() {
        await withRights(broker);
        await withoutMemory(broker);
      },
    });
  },
});
