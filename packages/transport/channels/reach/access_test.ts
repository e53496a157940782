import assert from "node:assert/strict";
import { hasPrograms, needs } from "#testing/shared.ts";
import { type Broker, type BrokerName, hasBroker, startBroker } from "../../trial/brokers.ts";
import { freePort } from "../../site/free_port.ts";
import { KAFKA_PORTS } from "../../trial/kafka.ts";
import { openReceiver, openSender } from "../../channel.ts";
import type { ChannelName } from "../../delivery.ts";
import { message } from "../../message.ts";
import { certificates } from "../../testing/certificates.ts";
import { conformance, LIMIT } from "../../testing/conformance.ts";
import { readSettings } from "../settings.ts";
import { readAccess } from "./access.ts";

/** The cases in which a connection is made again, over one encrypted form each. */
const CASES =
  /^(messages of all sizes|a receiver that comes back|a killed broker|a cut connection)/;

const FORMS: [ChannelName, BrokerName, string, string][] = [
  ["redis", "redis", "rediss://localhost", "claim=600&stream"],
  ["amqp", "rabbitmq", "amqps://localhost", "queue"],
  ["nats", "nats", "nats://localhost", "wait=600&stream"],
  ["kafka", "kafka", "kafka://127.0.0.1", "wait=60000&topic"],
];

for (const [channel, name, base, place] of FORMS) {
  Deno.test({
    name: `channel: ${channel} keeps its promises over TLS, with a certificate at each end`,
    // Kafka comes by `deno task kafka` alone.
    ...name === "kafka" && !hasBroker(name)
      ? { ignore: true }
      : needs(hasBroker(name) && hasPrograms("openssl")),
    async fn(t) {
      const folder = await Deno.makeTempDir();
      const tls = await certificates(folder);
      await using broker: Broker = await startBroker(name, { tls });
      let places = 0;
      const isKafka = name === "kafka";
      const url = (more: string) =>
        `${base}:${broker.port}/?limit=${LIMIT}&${more}&${place}=t${places++}`;
      const known = `ca=${tls.ca}&cert=${tls.cert}&key=${tls.key}`;
      await conformance(t, {
        channel,
        broker,
        cases: CASES,
        place() {
          const both = url(known);
          return { sender: both, receiver: both };
        },
        port: () => broker.port + (isKafka ? KAFKA_PORTS.proxied : 0),
        ...(isKafka && { proxyPort: broker.port + KAFKA_PORTS.proxy }),
        through: ({ sender, receiver }, port) => ({
          sender: sender.replace(/:\d+/, `:${port}`),
          receiver,
        }),
      });
      await t.step(
        "whom we do not trust is refused at once, and who does not trust us",
        async () => {
          for (
            const wrong of [
              `ca=${tls.other}&cert=${tls.cert}&key=${tls.key}`,
              "tls=true",
              `ca=${tls.ca}`,
              `ca=${tls.ca}&cert=${tls.other}&key=${tls.other}.key`,
            ]
          ) {
            await using receiver = await openReceiver(url(wrong), { timeout: 600_000 });
            await assert.rejects(receiver.receive(), { code: "refused" });
          }
        },
      );
      await Deno.remove(folder, { recursive: true });
    },
  });
}

Deno.test({
  name: "tcp: TLS by files that the URL names",
  ...needs(hasPrograms("openssl")),
  async fn() {
    const folder = await Deno.makeTempDir();
    const { ca, cert, key, other } = await certificates(folder);
    const port = freePort();
    await using receiver = await openReceiver(`tcp://localhost:${port}?cert=${cert}&key=${key}`);
    for (const wrong of ["tls=true", `ca=${other}`, `ca=${other}&cert=${cert}&key=${key}`]) {
      const sender = await openSender(`tcp://localhost:${port}?${wrong}`, { timeout: 600_000 });
      await sender.send(message(new Uint8Array(1)));
      await assert.rejects(sender.flush(), { code: "refused", message: /TLS is refused: .*cert/ });
      await sender.close();
    }
    await using sender = await openSender(`tcp://localhost:${port}?ca=${ca}`);
    await sender.send(message(new Uint8Array(1), { end: true }));
    assert.equal((await Array.fromAsync(receiver)).length, 1);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test("access: from the URL, a file and the environment, in this order", async () => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/credentials`;
  const held = `${folder}/secret`;
  await Deno.writeTextFile(held, "s3cret\n");
  const variables: Record<string, string> = {
    ...{ VCS_CHANNEL_USER: "nobody", VCS_CHANNEL_TOKEN: "t", VCS_SECRET_FILE: held },
  };
  const env = { get: (name: string) => variables[name] };
  const read = (url: string) =>
    readSettings(new URL(url), (settings) => readAccess(new URL(url), settings, {}, env));
  await Deno.writeTextFile(file, "user=me\r\npassword=a=b\n");
  assert.deepEqual(read("nats://host"), { user: "nobody", token: "t", secret: "s3cret" });
  const url = `nats://host?credentials=${file}`;
  assert.deepEqual(read(url), {
    ...{ user: "me", password: "a=b", token: "t", secret: "s3cret" },
  });
  assert.equal(read(url.replace("host", "you:p%40@host")).password, "p@");
  await Deno.writeTextFile(file, "-----BEGIN NATS USER JWT-----\nx");
  assert.match(read(url).creds!, /JWT/);
  assert.throws(() => read("nats://host?ca=/nowhere"), /ca=\/nowhere cannot be read/);
  assert.equal(read("rediss://host?tls=false").tls, undefined);
  assert.deepEqual(read("nats://host?tls=true").tls, {});
  await Deno.remove(folder, { recursive: true });
});
