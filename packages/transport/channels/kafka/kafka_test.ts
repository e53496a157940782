import assert from "node:assert/strict";
import { KAFKA_CLIENT } from "../../parts/clients.ts";
import { lazyPart } from "../../parts/load.ts";
import { hasBroker, startBroker } from "../../trial/brokers.ts";
import { KAFKA_PORTS, KAFKA_USER } from "../../trial/kafka.ts";
import { backlogOf, openReceiver, openSender } from "../../channel.ts";
import { message } from "../../message.ts";
import { conformance, LIMIT, type Place } from "../../testing/conformance.ts";
import { sleep } from "../../testing/waits.ts";

/** What the tests do behind the backs of both ends. */
interface Admin {
  deleteTopics(options: { topics: string[] }): Promise<void>;
  deleteRecords(options: {
    topics: { name: string; partitions: { partition: number; offset: bigint }[] }[];
  }): Promise<unknown>;
  listGroups(): Promise<ReadonlyMap<string, unknown>>;
  deleteGroups(options: { groups: string[] }): Promise<void>;
  close(): Promise<void>;
}

const load = lazyPart<{ Admin: new (options: object) => Admin }>(KAFKA_CLIENT);

const topicOf = ({ receiver }: Place) => new URL(receiver).searchParams.get("topic")!;

Deno.test({
  name: "channel: kafka keeps its promises",
  // `deno task kafka` fetches it from Maven's repository, which CI does not.
  ignore: !hasBroker("kafka"),
  async fn(t) {
    await using broker = await startBroker("kafka");
    const { port } = broker;
    const { Admin } = await load();
    const bootstrapBrokers = [{ host: "127.0.0.1", port }];
    const asAdmin = async (act: (admin: Admin) => Promise<unknown>) => {
      const admin = new Admin({ clientId: "tests", bootstrapBrokers });
      await act(admin);
      await admin.close();
    };
    let places = 0;
    await conformance(t, {
      channel: "kafka",
      broker,
      place(use) {
        const wait = use === "left" ? 600 : 60_000;
        const url = `kafka://127.0.0.1:${port}/?limit=${LIMIT}&wait=${wait}&topic=t${places++}`;
        return { sender: url, receiver: url };
      },
      remove: (place) => asAdmin((admin) => admin.deleteTopics({ topics: [topicOf(place)] })),
      trim(place) {
        const partitions = [{ partition: 0, offset: BigInt(LIMIT) }];
        const topics = [{ name: topicOf(place), partitions }];
        return asAdmin((admin) => admin.deleteRecords({ topics }));
      },
      port: () => port + KAFKA_PORTS.proxied,
      proxyPort: port + KAFKA_PORTS.proxy,
      through: ({ sender, receiver }, port) => ({
        sender: sender.replace(/:\d+/, `:${port}`),
        receiver,
      }),
    });
    await t.step("who may not is told of at once, in Kafka's words", async () => {
      const base = `127.0.0.1:${port + KAFKA_PORTS.named}/?topic=named`;
      const refused = async (url: string, words: RegExp) => {
        await using receiver = await openReceiver(url, { timeout: 600_000 });
        await assert.rejects(receiver.receive(), { code: "refused", message: words });
        const sender = await openSender(url, { timeout: 600_000 });
        const sending = sender.send(message(new Uint8Array(1))).then(() => sender.flush());
        await assert.rejects(sending, { code: "refused", message: words });
        await sender.close();
      };
      await refused(`kafka://me:wrong@${base}`, /authentication failed/);
      await refused(`kafka://me:wrong@${base}&sasl=scram-sha-256`, /authentication failed/);
      await refused(`kafka://127.0.0.1:${port}/?topic=no/name`, /invalid topic/);
      for (const sasl of ["plain", "scram-sha-256"]) {
        const { name, password } = KAFKA_USER;
        const url = `kafka://${name}:${password}@${base}-${sasl}&sasl=${sasl}`;
        await using receiver = await openReceiver(url, { timeout: 600_000 });
        await using sender = await openSender(url, { timeout: 600_000 });
        await sender.send(message(new Uint8Array([7])));
        const delivery = await receiver.receive();
        assert.deepEqual(delivery!.message.payload, new Uint8Array([7]));
        await delivery!.accept();
      }
    });
    await t.step("what waits, and who receives", async () => {
      const url = `kafka://127.0.0.1:${port}/?topic=seen`;
      await assert.rejects(backlogOf(url), { code: "broker", message: /seen is not there/ });
      await using sender = await openSender(url, { timeout: 600_000 });
      for (let i = 0; i < 3; i++) await sender.send(message(new Uint8Array(1), { sequence: i }));
      await sender.flush();
      const unknown = { inFlight: undefined, oldest: undefined };
      assert.deepEqual(await backlogOf(url), { ...unknown, messages: 3, waiting: 3, consumers: 0 });
      await using receiver = await openReceiver(url, { timeout: 600_000 });
      await (await receiver.receive())!.accept();
      // What was accepted stays until the topic's retention ends.
      assert.deepEqual(await backlogOf(url), { ...unknown, messages: 3, waiting: 2, consumers: 1 });
    });
    await t.step("a group that is deleted loses nothing: all comes again", async () => {
      const url = `kafka://127.0.0.1:${port}/?topic=again&group=forgotten`;
      await using sender = await openSender(url, { timeout: 600_000 });
      const receiveUpTo = async (last: number) => {
        await using receiver = await openReceiver(url, { timeout: 600_000 });
        for (let sequence = 0; sequence <= last; sequence++) {
          const delivery = await receiver.receive();
          assert.equal(delivery!.message.sequence, sequence);
          await delivery!.accept();
        }
      };
      const send = (sequence: number) => sender.send(message(new Uint8Array(1), { sequence }));
      for (const sequence of [0, 1]) await send(sequence);
      await receiveUpTo(1);
      while ((await backlogOf(url)).consumers !== 0) await sleep(20);
      await asAdmin(async (admin) => {
        const groups = [...(await admin.listGroups()).keys()];
        await admin.deleteGroups({ groups: groups.filter((id) => id.startsWith("forgotten")) });
      });
      await send(2);
      await receiveUpTo(2);
    });
  },
});
