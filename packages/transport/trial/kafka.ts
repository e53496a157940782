/**
 * A node of Kafka that is broker and controller in one, for tests: Java and the archives of a
 * distribution's `libs`, which lie in the folder that `VCS_KAFKA` names. Its ports follow each other: the one that is asked for, one that is told to
 * clients as the next, where a proxy may stand, its own, and one for users with names and passwords.
 *
 * @module
 */
import { builtin } from "../io/builtin.ts";
import { environment } from "../command/environment.ts";
import type { BrokerTls } from "./brokers.ts";

/** The folder that `VCS_KAFKA` names, where the archives lie there. */
export function kafkaLibraries(): string | undefined {
  const folder = environment.get("VCS_KAFKA") ?? "";
  const { existsSync, readdirSync } = builtin("node:fs");
  if (!existsSync(folder)) return undefined;
  return readdirSync(folder).some((name) => /^kafka_.*\.jar$/.test(name)) ? folder : undefined;
}

/** How far behind the first port the others are. */
export const KAFKA_PORTS = { proxied: 1, proxy: 2, own: 3, named: 4 };
/** Who may use the port for users, by either mechanism. */
export const KAFKA_USER = { name: "me", password: "right" };

const JAVA = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/** What Java runs as the broker whose settings lie in a folder. */
export function kafkaArgs(folder: string): string[] {
  return [...JAVA, "-cp", `${kafkaLibraries()}/*`, "kafka.Kafka", `${folder}/server.properties`];
}

/** Writes the settings, and the folder that a node begins with. */
export async function formatKafka(port: number, folder: string, tls?: BrokerTls): Promise<void> {
  const properties = `${folder}/server.properties`;
  await Deno.writeTextFile(properties, (await settingsOf(port, folder, tls)).join("\n"));
  const { name, password } = KAFKA_USER;
  const user = `SCRAM-SHA-256=[name=${name},password=${password}]`;
  const format = ["format", "-t", "dmNzLXRlc3RzLWthZmthIQ", "-c", properties, "-S", user];
  const { success, stderr } = await new Deno.Command("java", {
    args: [...JAVA, "-cp", `${kafkaLibraries()}/*`, "kafka.tools.StorageTool", ...format],
    stdout: "null",
  }).output();
  if (!success) {
    throw new Error(`Cannot format Kafka's folder: ${new TextDecoder().decode(stderr)}`);
  }
}

async function settingsOf(port: number, folder: string, tls?: BrokerTls): Promise<string[]> {
  const at = (offset: number) => `127.0.0.1:${port + offset}`;
  const { proxied, proxy, own, named } = KAFKA_PORTS;
  const listeners = [`CLIENTS://${at(0)}`, `PROXIED://${at(proxied)}`, `NAMED://${at(named)}`];
  const told = [`CLIENTS://${at(0)}`, `PROXIED://${at(proxy)}`, `NAMED://${at(named)}`];
  const encrypted = tls ? "SSL" : "PLAINTEXT";
  const one = ["offsets.topic", "transaction.state.log", "share.coordinator.state.topic"];
  return [
    ...["process.roles=broker,controller", "node.id=1", `log.dirs=${folder}/data`],
    ...[`controller.quorum.voters=1@${at(own)}`, "controller.listener.names=OWN"],
    `listeners=${[...listeners, `OWN://${at(own)}`].join(",")}`,
    `advertised.listeners=${told.join(",")}`,
    ...[`listener.security.protocol.map=CLIENTS:${encrypted},PROXIED:${encrypted},OWN:PLAINTEXT,`]
      .map((map) => `${map}NAMED:SASL_PLAINTEXT`),
    "inter.broker.listener.name=CLIENTS",
    ...one.map((topic) => `${topic}.replication.factor=1`),
    ...["offsets.topic.num.partitions=1", "transaction.state.log.min.isr=1"],
    ...["group.initial.rebalance.delay.ms=0", "group.min.session.timeout.ms=100"],
    // As long as the other brokers of the tests take; and what is deleted is gone.
    ...["message.max.bytes=16777216", "auto.create.topics.enable=false"],
    ...namedSettings(),
    ...tls ? await tlsSettings(folder, tls) : [],
    "",
  ];
}

function namedSettings(): string[] {
  const { name, password } = KAFKA_USER;
  const plain = "org.apache.kafka.common.security.plain.PlainLoginModule required";
  const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
  return [
    "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256",
    `listener.name.named.plain.sasl.jaas.config=${plain} user_${name}="${password}";`,
    `listener.name.named.scram-sha-256.sasl.jaas.config=${scram}`,
  ];
}

async function tlsSettings(folder: string, { ca, cert, key }: BrokerTls): Promise<string[]> {
  const [own, chain] = await Promise.all([key, cert].map((file) => Deno.readTextFile(file)));
  await Deno.writeTextFile(`${folder}/own.pem`, `${own}\n${chain}`);
  return [
    ...["ssl.keystore.type=PEM", `ssl.keystore.location=${folder}/own.pem`],
    ...["ssl.truststore.type=PEM", `ssl.truststore.location=${ca}`, "ssl.client.auth=required"],
  ];
}
