import assert from "node:assert/strict";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { findProgram, needs } from "#testing/shared.ts";
import { hasBroker, startBroker } from "../../trial/brokers.ts";
import { openReceiver, openSender } from "../../channel.ts";
import { message } from "../../message.ts";
import { conformance, LIMIT, type Place } from "../../testing/conformance.ts";

/** Does something to the stream of a place, over a connection of its own. */
async function withStream(
  port: number,
  { receiver }: Place,
  act: (manager: JetStreamManager, stream: string) => Promise<boolean>,
): Promise<void> {
  const connection = await connect({ servers: `127.0.0.1:${port}` });
  const manager = await jetstreamManager(connection);
  assert.ok(await act(manager, new URL(receiver).searchParams.get("stream")!));
  await connection.close();
}

/** Version of a server, and what a sender says of it. */
async function toldOf(port: number): Promise<{ version: string; told: string[] }> {
  const told: string[] = [];
  const notice = (line: string) => told.push(line);
  await using sender = await openSender(`nats://127.0.0.1:${port}?stream=old`, { notice });
  await sender.send(message(new Uint8Array(1)));
  await sender.flush();
  const connection = await connect({ servers: `127.0.0.1:${port}` });
  const { version } = connection.info!;
  await connection.close();
  return { version, told };
}

function isOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < 2 || (major === 2 && minor < 15);
}

const systems = findProgram("nats-server");

Deno.test({
  name: "nats: of a server older than those in which nothing was lost is told, once",
  ...needs(systems !== undefined),
  async fn() {
    await using broker = await startBroker("nats", { program: systems! });
    const { version, told } = await toldOf(broker.port);
    assert.equal(told.length, isOld(version) ? 1 : 0, version);
    if (isOld(version)) assert.match(told[0]!, /older than 2\.15/);
  },
});

Deno.test({
  name: "channel: nats keeps its promises",
  ...needs(hasBroker("nats")),
  async fn(t) {
    await using broker = await startBroker("nats");
    const { port } = broker;
    let places = 0;
    await conformance(t, {
      channel: "nats",
      broker,
      place(use) {
        // What a client that was held up for two heartbeats has dropped comes again after this time.
        const idle = use === "left" ? 600 : 20_000;
        const url = `nats://127.0.0.1:${port}?limit=${LIMIT}&wait=${idle}&stream=s${places++}`;
        return { sender: url, receiver: url };
      },
      remove: (place) => withStream(port, place, ({ streams }, name) => streams.delete(name)),
      forget: (place) =>
        withStream(port, place, ({ consumers }, name) => consumers.delete(name, name)),
      trim: (place) =>
        withStream(port, place, async ({ streams }, name) => {
          const { purged } = await streams.purge(name);
          return purged === 3;
        }),
      port: () => port,
      through: ({ sender, receiver }, port) => ({
        sender: sender.replace(/:\d+/, `:${port}`),
        receiver,
      }),
    });
    await t.step("a message that the server does not take is told of at once", async () => {
      await using sender = await openSender(`nats://127.0.0.1:${port}?stream=long`);
      await sender.send(message(new Uint8Array(1 << 20)));
      await assert.rejects(sender.flush(), { code: "limit" });
    });
    await t.step("a receiver that waits otherwise than the one before it goes on", async () => {
      const url = (wait: number) => `nats://127.0.0.1:${port}?stream=waits&wait=${wait}`;
      await using sender = await openSender(url(600));
      for (const wait of [600, 20_000]) {
        await sender.send(message(Uint8Array.of(wait & 255)));
        await using receiver = await openReceiver(url(wait), { timeout: 600_000 });
        const delivery = await receiver.receive();
        assert.equal(delivery!.message.payload[0], wait & 255);
        await delivery!.accept();
      }
    });
    await t.step("nothing is told of a server in which nothing was lost", async () => {
      const { version, told } = await toldOf(port);
      assert.equal(told.length, isOld(version) ? 1 : 0);
    });
    await t.step("a name that the server does not take is told of at once", async () => {
      const url = `nats://127.0.0.1:${port}?stream=a.b`;
      await using receiver = await openReceiver(url, { timeout: 600_000 });
      await assert.rejects(receiver.receive(), { code: "refused", message: /cannot contain/ });
    });
  },
});

Deno.test("nats: a wrong password is told of at once, though the server hangs up", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const refuse = async () => {
    for await (const conn of listener) {
      const info = { server_id: "x", version: "2.10.0", max_payload: 1e6, auth_required: true };
      await conn.write(new TextEncoder().encode(`INFO ${JSON.stringify(info)}\r\n`));
      await conn.read(new Uint8Array(1000));
      await conn.write(new TextEncoder().encode("-ERR 'Authorization Violation'\r\n"));
      conn.close();
    }
  };
  const refusing = refuse();
  const url = `nats://user:wrong@127.0.0.1:${port}`;
  const receiver = await openReceiver(url, { timeout: 600_000 });
  await assert.rejects(receiver.receive(), { code: "refused", message: /Authorization Violation/ });
  await receiver.close();
  listener.close();
  await refusing;
});

Deno.test("nats: who answers and is no NATS server is told of, and not parsed", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const answer = async () => {
    for await (const conn of listener) {
      const line = new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n");
      await conn.write(line).catch(() => {});
      conn.close();
    }
  };
  const answering = answer();
  // The first answer is more than no time away.
  const receiver = await openReceiver(`nats://127.0.0.1:${port}`, { timeout: 0 });
  const failure = await receiver.receive().catch((error) => error);
  assert.equal(failure.code, "unreachable");
  assert.match(String(failure.cause), /does not speak NATS/);
  await receiver.close();
  listener.close();
  await answering;
});
