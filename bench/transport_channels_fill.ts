/**
 * Puts messages where a channel keeps them, as many and as ours would, but quicker than one at a
 * time through the channel: straight into a folder or a bucket, by a script at Redis, by pipelined
 * clients of the other brokers.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import amqplib from "amqplib";
import { say } from "@vcs/transport/internal";
import { encodeMessage, message, newStreamId } from "@vcs/transport/message";
import { FILE_FORMATS } from "../packages/transport/channels/file_formats.ts";
import { KAFKA_CLIENT } from "../packages/transport/parts/clients.ts";
import { lazyPart } from "../packages/transport/parts/load.ts";
import type { KafkaModule } from "../packages/transport/channels/kafka/client.ts";
import type { S3Service } from "../packages/transport/testing/moto.ts";

/** Bytes of each message. */
export const SIZE = 100;
/** Messages of one request to a broker. */
const BATCH = 1000;

/** Messages with numbers from one to another, at one time of a stream of their own. */
interface Range {
  readonly from: number;
  readonly to: number;
}

const { write } = FILE_FORMATS.safetensors!;
const nameOf = (number: number, digits: number) =>
  `window_${String(number).padStart(digits, "0")}.safetensors`;

/** A range in pieces of a thousand. */
function* batches({ from, to }: Range): Generator<number[], void, void> {
  for (let at = from; at < to; at += BATCH) {
    yield Array.from({ length: Math.min(BATCH, to - at) }, (_, i) => at + i);
  }
}

/** Makes messages of one stream. */
function maker(): (sequence: number) => Uint8Array<ArrayBuffer> {
  const streamId = newStreamId();
  return (sequence) => encodeMessage(message(new Uint8Array(SIZE), { streamId, sequence }));
}

/** Writes the files of an archive, or of a spool out of which each is taken again. */
export function fillFolder(folder: string, range: Range, isSpool: boolean): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const streamId = newStreamId();
  for (let sequence = range.from; sequence < range.to; sequence++) {
    const name = nameOf(sequence, 3);
    const [part, path] = [`${folder}/.${name}.part`, `${folder}/${name}`];
    writeFileSync(part, write(message(new Uint8Array(SIZE), { streamId, sequence })));
    renameSync(part, path);
    if (isSpool) {
      readFileSync(path);
      unlinkSync(path);
    }
  }
  return Promise.resolve();
}

/** Writes, brings to the disk, renames and reads files beside those that lie there, and no more. */
export async function filesAlone(folder: string, count: number): Promise<void> {
  const content = write(message(new Uint8Array(SIZE)));
  const from = `${folder}/.alone.part`;
  for (let number = 0; number < count; number++) {
    const to = `${folder}/alone_${number}`;
    {
      using file = await Deno.open(from, { write: true, create: true, truncate: true });
      await file.write(content);
      await file.sync();
    }
    await Deno.rename(from, to);
    {
      using itself = await Deno.open(folder);
      await itself.sync();
    }
    await Deno.stat(to);
    await Deno.readFile(to);
    await Deno.remove(to);
  }
}

/** What Redis does for each message of ours: it is added, read by the group, accepted and deleted. */
const PASS = `
redis.pcall('XGROUP', 'CREATE', KEYS[1], 'vcs', '0', 'MKSTREAM')
for i = 1, tonumber(ARGV[2]) do
  local id = redis.call('XADD', KEYS[1], '*', 'k', ARGV[3] .. i, 'm', ARGV[1])
  redis.call('XREADGROUP', 'GROUP', 'vcs', 'filler', 'COUNT', 1, 'STREAMS', KEYS[1], '>')
  redis.call('XACK', KEYS[1], 'vcs', id)
  redis.call('XDEL', KEYS[1], id)
end`;

/** Lets a stream of Redis have had messages. */
export async function fillRedis(port: number, range: Range): Promise<void> {
  const make = maker();
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  for (const batch of batches(range)) {
    const words = ["EVAL", PASS, "1", "vcs", make(batch[0]!), String(batch.length), newStreamId()];
    const parts = words.flatMap((word) => {
      const bytes = Buffer.from(word);
      return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n")];
    });
    const request = Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...parts]);
    for (let at = 0; at < request.length;) at += await conn.write(request.subarray(at));
    const answer = new Uint8Array(1000);
    const count = await conn.read(answer);
    const text = new TextDecoder().decode(answer.subarray(0, count ?? 0));
    if (!text.startsWith("$-1")) throw new Error(`Redis answers ${text}`);
  }
}

/** Lets a queue of RabbitMQ, which has been made, have had messages. */
export async function fillRabbit(port: number, range: Range): Promise<void> {
  const make = maker();
  // Without noDelay each confirm waits 40 ms for a delayed acknowledgement of TCP.
  const url = `amqp://127.0.0.1:${port}/?heartbeat=0`;
  const connection = await amqplib.connect(url, { noDelay: true });
  const channel = await connection.createConfirmChannel();
  const passed = Promise.withResolvers<void>();
  let left = range.to - range.from;
  await channel.consume("vcs", () => void (--left === 0 && passed.resolve()), { noAck: true });
  for (let sequence = range.from; sequence < range.to; sequence++) {
    channel.sendToQueue("vcs", Buffer.from(make(sequence)), { persistent: true });
    if (sequence % AT_ONCE === 0) await channel.waitForConfirms();
  }
  await passed.promise;
  await connection.close();
}

/** Messages that RabbitMQ confirms at a time. */
const AT_ONCE = 1000;

/** Lets a stream of NATS, which has been made, have had messages; its limit is lifted meanwhile. */
export async function fillNats(port: number, range: Range): Promise<void> {
  const make = maker();
  const connection = await connect({ servers: `127.0.0.1:${port}` });
  const manager = await jetstreamManager(connection);
  await manager.streams.update("vcs", { max_msgs: -1 });
  const client = jetstream(connection);
  const durable = { durable_name: "vcs", ack_policy: AckPolicy.Explicit, ack_wait: 5_000_000_000 };
  await manager.consumers.add("vcs", durable);
  const consumer = await client.consumers.get("vcs", "vcs");
  for (const batch of batches(range)) {
    await Promise.all(
      batch.map((sequence) => client.publish("vcs", make(sequence), { msgID: newStreamId() })),
    );
    const messages = await consumer.fetch({ max_messages: batch.length, expires: 60_000 });
    for await (const message of messages) message.ack();
  }
  await connection.flush();
  await manager.streams.update("vcs", { max_msgs: 3 });
  await connection.close();
}

/** What sets how far a group has come. */
interface KafkaOffsets {
  alterConsumerGroupOffsets(options: {
    groupId: string;
    topics: { name: string; partitionOffsets: { partition: number; offset: bigint }[] }[];
  }): Promise<void>;
}

const loadKafka = lazyPart<KafkaModule>(KAFKA_CLIENT);

/** Appends messages to a topic of Kafka, which has been made, and lets its group have had them. */
export async function fillKafka(port: number, range: Range): Promise<void> {
  const make = maker();
  const { Admin, Producer } = await loadKafka();
  const client = { clientId: "filler", bootstrapBrokers: [{ host: "127.0.0.1", port }] };
  const producer = new Producer(client);
  for (const batch of batches(range)) {
    const messages = batch.map((sequence) => ({
      ...{ topic: "vcs", key: Buffer.from("filler") },
      value: Buffer.from(make(sequence)),
    }));
    await producer.send({ messages, acks: -1 });
  }
  await producer.close();
  const admin = new Admin(client);
  const { id } = (await admin.metadata({ topics: ["vcs"], forceUpdate: true })).topics.get("vcs")!;
  const partitionOffsets = [{ partition: 0, offset: BigInt(range.to) }];
  const topics = [{ name: "vcs", partitionOffsets }];
  await (admin as unknown as KafkaOffsets).alterConsumerGroupOffsets({
    groupId: `vcs-${id}`,
    topics,
  });
  await admin.close();
}

/**
 * What lets moto hold a million objects: copies of one that is stored, and a listing that does not
 * sort all of them for each page.
 */
const MOTO = `
import bisect, copy, itertools
from moto.s3.models import S3Backend, s3_backends
_, backends = next(iter(s3_backends.items()))
keys = backends["aws"].buckets["BUCKET"].keys
names = sorted(keys)
def page(self, bucket, prefix, delimiter, continuation_token, start_after, max_keys):
    come = list(itertools.islice(reversed(keys), len(keys) - len(names)))
    for name in come: bisect.insort(names, name)
    token = self._pagination_tokens.get(continuation_token) or ""
    last = max(token, start_after or "")
    first = max(bisect.bisect_right(names, last), bisect.bisect_left(names, prefix or ""))
    found = itertools.islice(names, first, first + max_keys + 1)
    return self._truncate_result([keys[n] for n in found if n.startswith(prefix or "")], max_keys)
S3Backend.list_objects_v2 = page
def fill(template, first, last):
    for number in range(first, last):
        one = copy.copy(keys[template])
        one.name = template[:-28] + f"{number:016d}.safetensors"
        keys[one.name] = one
`;

/** Puts copies of an object of ours beside it. */
export async function fillBucket(
  service: S3Service,
  place: { bucket: string; template: string },
  { from, to }: Range,
): Promise<void> {
  const code = MOTO.replace("BUCKET", place.bucket);
  await service.run(`exec(${JSON.stringify(code)}, globals()) if "fill" not in globals() else 0`);
  await service.run(`fill(${JSON.stringify(place.template)}, ${from}, ${to})`);
  say(`${to - from} objects are there`);
}
