import assert from "node:assert/strict";
import amqplib from "amqplib";
import { needs } from "#testing/shared.ts";
import { hasBroker, startBroker } from "../trial/brokers.ts";
import { openReceiver, openSender } from "../channel.ts";
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
      "a wrong password or vhost is told of at once, in the broker's words",
      async () => {
        for (const [user, path] of [["guest:wrong", "%2f"], ["guest:guest", "nothing"]]) {
          const url = `amqp://${user}@127.0.0.1:${port}/${path}`;
          await using receiver = await openReceiver(url, { timeout: 600_000 });
          await assert.rejects(receiver.receive(), {
            code: "refused",
            message: /RabbitMQ refuses/,
          });
        }
      },
    );
  },
});
