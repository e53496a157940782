import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { needs } from "#testing/shared.ts";
import { backlogOf, openReceiver, openSender } from "../channel.ts";
import { message } from "../message.ts";
import { BUCKET, MOTO_PYTHON, setVariables, startMoto } from "../testing/moto.ts";
import { quiet, sleep, until } from "../testing/waits.ts";
import { transport } from "../trial/command.ts";
import { type BrokerName, hasBroker, startBroker } from "../trial/brokers.ts";
import { freePort } from "../site/free_port.ts";

/** Leaves messages at a place. */
async function leave(url: string, count: number): Promise<void> {
  await using sender = await openSender(url);
  for (let sequence = 0; sequence < count; sequence++) {
    await sender.send(message(new Uint8Array(100), { sequence }));
  }
}

/** What is said of a place, but for an age. */
async function counts(url: string): Promise<unknown[]> {
  const { messages, waiting, inFlight, consumers } = await backlogOf(url);
  return [messages, waiting, inFlight, consumers];
}

/** Milliseconds after which what does not become so never will: a look takes long on a busy machine. */
const NEVER = 60_000;

/** Waits until that is said of a place. */
async function becomes(url: string, expected: unknown[]): Promise<void> {
  for (const since = performance.now(); performance.now() - since < NEVER;) {
    if (String(await counts(url)) === String(expected)) return;
    await sleep(20);
  }
  assert.deepEqual(await counts(url), expected);
}

/** A receiver was there once, so that there is a group or a consumer. */
async function receiveOnce(url: string): Promise<void> {
  await using receiver = await openReceiver(url);
  await leave(url, 1);
  await (await receiver.receive())!.accept();
}

/** More bytes than the broker takes wait for a receiver, and none is lost. */
async function fill(url: string): Promise<void> {
  await using sender = await openSender(url);
  const sending = (async () => {
    for (let sequence = 0; sequence < 10; sequence++) {
      await sender.send(message(new Uint8Array(400), { sequence }));
    }
  })();
  // It is awaited below.
  sending.catch(() => {});
  await until(() => sender.counters.acknowledged > 0);
  await quiet(() => sender.counters.acknowledged);
  const { waiting } = await backlogOf(url);
  assert.ok(waiting! >= 1 && waiting! <= 3, `${waiting}`);
  await using receiver = await openReceiver(url);
  for (let sequence = 0; sequence < 10; sequence++) {
    const delivery = await receiver.receive();
    assert.equal(delivery!.message.sequence, sequence);
    await delivery!.accept();
  }
  await sending;
}

/** Messages, waiting, in flight and consumers as each broker tells them. */
const BROKERS: {
  name: BrokerName;
  url: (port: number) => string;
  missing: RegExp;
  left: unknown[];
  held: unknown[];
  accepted: unknown[];
  tellsAge: boolean;
}[] = [
  {
    name: "redis",
    url: (port) => `redis://127.0.0.1:${port}/0?limit=5&claim=600000&stream=backlog`,
    missing: /no such key/,
    left: [3, 3, 0, 0],
    held: [3, 0, 3, 1],
    accepted: [0, 0, 0, 1],
    tellsAge: true,
  },
  {
    name: "nats",
    url: (port) => `nats://127.0.0.1:${port}?limit=5&wait=600000&stream=backlog`,
    missing: /stream not found/,
    left: [3, 3, 0, 0],
    held: [3, 0, 3, undefined],
    accepted: [0, 0, 0, 1],
    tellsAge: true,
  },
  {
    name: "rabbitmq",
    url: (port) => `amqp://127.0.0.1:${port}/?limit=5&queue=backlog`,
    missing: /NOT_FOUND|no queue 'backlog'/,
    left: [undefined, 3, undefined, 0],
    held: [undefined, 0, undefined, 1],
    accepted: [undefined, 0, undefined, 1],
    tellsAge: false,
  },
];

for (const { name, url: urlAt, missing, left, held, accepted, tellsAge } of BROKERS) {
  Deno.test({
    name: `backlog: ${name} tells what waits, what is in flight and who receives`,
    ...needs(hasBroker(name)),
    async fn() {
      await using broker = await startBroker(name);
      const url = urlAt(broker.port);
      // Twice: a look makes nothing.
      for (const _ of [1, 2]) await assert.rejects(backlogOf(url), { message: missing });
      await leave(url, 3);
      await becomes(url, left);
      const { oldest } = await backlogOf(url);
      assert.equal(typeof oldest, tellsAge ? "number" : "undefined");
      await using receiver = await openReceiver(url);
      const first = await receiver.receive();
      await becomes(url, held);
      await first!.accept();
      for (const _ of [1, 2]) await (await receiver.receive())!.accept();
      await becomes(url, accepted);
      assert.equal((await backlogOf(url)).oldest, undefined);

      const once = `${url}-once`;
      await receiveOnce(once);
      // What was accepted just before the receiver was closed does not come again.
      assert.equal((await backlogOf(once)).waiting, 0);

      const aging = `${url}-aging&maxage=300`.replace("limit=5", "limit=3");
      await receiveOnce(aging);
      if (name === "rabbitmq") {
        // It is the queue that drops what is too old: one that drops it later is another.
        const later = leave(aging.replace("maxage=300", "maxage=400"), 1);
        await assert.rejects(later, { message: /exists with other properties than .* maxage 400/ });
      }
      await leave(aging, 3);
      if (name === "redis") {
        while (((await backlogOf(aging)).oldest ?? 301) <= 300) await sleep(20);
        // There was no room for it: the sender makes it.
        await leave(aging, 1);
        assert.deepEqual((await counts(aging)).slice(0, 3), [1, 1, 0]);
      } else {
        await becomes(aging, left.map((value) => value && 0));
        await fill(`${url}-filling&maxbytes=1000`.replace("limit=5", "limit=100"));
      }
    },
  });
}

Deno.test("backlog: a folder tells what lies there and how long", async () => {
  const folder = await Deno.makeTempDir();
  const url = pathToFileURL(folder).href;
  const none = { waiting: undefined, inFlight: undefined, consumers: undefined };
  assert.deepEqual(await backlogOf(url), { messages: 0, oldest: undefined, ...none });
  await leave(url, 2);
  const hourAgo = Date.now() / 1000 - 3600;
  await Deno.utime(`${folder}/window_000.safetensors`, hourAgo, hourAgo);
  await Deno.writeTextFile(`${folder}/notes.txt`, "");
  const { oldest, ...rest } = await backlogOf(url);
  assert.deepEqual(rest, { messages: 2, ...none });
  assert.ok(oldest! >= 3_599_000);
  await Deno.remove(folder, { recursive: true });
  await assert.rejects(backlogOf(url), {
    code: "broker",
    message: /Cannot tell what waits at file:/,
  });
});

Deno.test({
  name: "backlog: a bucket tells what lies there and how long",
  ...needs(MOTO_PYTHON !== undefined),
  async fn() {
    await using service = await startMoto();
    using _ = setVariables(service.env);
    const url = `s3://${BUCKET}/back log?endpoint=http://127.0.0.1:${service.port}`;
    assert.deepEqual(await counts(url), [0, undefined, undefined, undefined]);
    await leave(url, 2);
    assert.deepEqual(await counts(url), [2, undefined, undefined, undefined]);
    assert.equal(typeof (await backlogOf(url)).oldest, "number");
  },
});

Deno.test("backlog: who is not there is told of at once, without the password", async () => {
  const port = freePort();
  for (const scheme of ["redis", "amqp", "nats"]) {
    const looking = backlogOf(`${scheme}://me:secret@127.0.0.1:${port}/?limit=1`);
    const error = await looking.then(() => undefined, (error) => error);
    assert.equal(error?.code, "broker");
    assert.match(error.message, /refused/i);
    assert.doesNotMatch(error.message, /secret/);
  }
  await assert.rejects(backlogOf("tcp://127.0.0.1:1"), { message: /expected one of file: redis:/ });
});

/** What `transport` writes to standard output. */
async function printed(...args: string[]): Promise<string> {
  const pieces: Uint8Array[] = [];
  const { writeSync } = Deno.stdout;
  Deno.stdout.writeSync = (bytes) => pieces.push(bytes.slice()) && bytes.length;
  try {
    assert.equal(await transport.invoke(args, { signal: new AbortController().signal }) ?? 0, 0);
  } finally {
    Deno.stdout.writeSync = writeSync;
  }
  return await new Blob(pieces as BlobPart[]).text();
}

Deno.test("backlog: the command prints lines, or JSON in which null is not known", async () => {
  const folder = await Deno.makeTempDir();
  const url = pathToFileURL(folder).href;
  assert.equal(
    await printed("stats", url),
    "messages   0\nwaiting    not known\nin flight  not known\noldest     none\nconsumers  not known\n",
  );
  assert.deepEqual(JSON.parse(await printed("stats", "--json", url)), {
    messages: 0,
    ...{ waiting: null, inFlight: null, oldest: null, consumers: null },
  });
  await Deno.remove(folder, { recursive: true });
});
