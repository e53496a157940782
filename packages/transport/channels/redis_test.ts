import assert from "node:assert/strict";
import { needs } from "#testing/shared.ts";
import { hasBroker, startBroker } from "../trial/brokers.ts";
import { openReceiver, openSender } from "../channel.ts";
import { message } from "../message.ts";
import { conformance, LIMIT, type Place } from "../testing/conformance.ts";

const streamOf = ({ receiver }: Place) => new URL(receiver).searchParams.get("stream");

/** Sends a command over a connection of its own. */
async function ask(port: number, command: string, expected: string): Promise<void> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(`${command}\r\n`));
  const answer = new Uint8Array(100);
  const count = await conn.read(answer) ?? 0;
  assert.equal(new TextDecoder().decode(answer.subarray(0, count)), `${expected}\r\n`);
}

Deno.test({
  name: "channel: redis keeps its promises",
  ...needs(hasBroker("redis")),
  async fn(t) {
    await using broker = await startBroker("redis");
    const { port } = broker;
    let places = 0;
    await conformance(t, {
      channel: "redis",
      broker,
      place(use) {
        const idle = use === "left" ? 600 : 600_000;
        const url = `redis://127.0.0.1:${port}/0?limit=${LIMIT}&claim=${idle}&stream=s${places++}`;
        return { sender: url, receiver: url };
      },
      remove: (place) => ask(port, `DEL ${streamOf(place)}`, ":1"),
      forget: (place) => ask(port, `XGROUP DESTROY ${streamOf(place)} vcs`, ":1"),
      trim: (place) => ask(port, `XTRIM ${streamOf(place)} MAXLEN 0`, ":3"),
      port: () => port,
      through: ({ sender, receiver }, port) => ({
        sender: sender.replace(/:\d+/, `:${port}`),
        receiver,
      }),
    });
    await t.step("a key that holds no stream is told of at once, on both ends", async () => {
      using conn = await Deno.connect({ hostname: "127.0.0.1", port });
      await conn.write(new TextEncoder().encode("SET text hello\r\n"));
      await conn.read(new Uint8Array(100));
      const url = `redis://127.0.0.1:${port}/0?stream=text`;
      await using sender = await openSender(url);
      await sender.send(message(new Uint8Array(1)));
      await assert.rejects(sender.send(message(new Uint8Array(1))), { code: "broker" });
      await using receiver = await openReceiver(url);
      await assert.rejects(receiver.receive(), { code: "broker" });
    });
    await t.step("what fewer servers have than they should is not acknowledged", async () => {
      const url = `redis://127.0.0.1:${port}/0?stream=copies&copies=2`;
      const sender = await openSender(url, { timeout: 6000 });
      await sender.send(message(new Uint8Array(1)));
      await assert.rejects(sender.flush(), /1 of 2 servers of Redis have the message/);
      await sender.close();
    });
    await t.step(
      "a wrong password or database is told of at once, in the server's words",
      async () => {
        const refused = async (url: string, words: RegExp) => {
          await using receiver = await openReceiver(url, { timeout: 600_000 });
          await assert.rejects(receiver.receive(), { code: "refused", message: words });
          const sender = await openSender(url, { timeout: 600_000 });
          const sending = sender.send(message(new Uint8Array(1))).then(() => sender.flush());
          await assert.rejects(sending, { code: "refused", message: words });
          await sender.close();
        };
        await refused(`redis://127.0.0.1:${port}/99`, /DB index is out of range/);
        await assert.rejects(openSender(`redis://127.0.0.1:${port}/text`), /number of a database/);
        const rights = "+@connection +@read +info +eval +xgroup";
        await ask(port, `ACL SETUSER bound on >right ~vcs ${rights}`, "+OK");
        const bound = (password: string, stream: string) =>
          `redis://bound:${password}@127.0.0.1:${port}/0?stream=${stream}`;
        await refused(bound("wrong", "vcs"), /WRONGPASS/);
        await refused(bound("right", "vcs"), /NOPERM|can't run this command/);
        await refused(bound("right", "other"), /NOPERM/);
        using conn = await Deno.connect({ hostname: "127.0.0.1", port });
        await conn.write(new TextEncoder().encode("CONFIG SET requirepass right\r\n"));
        await conn.read(new Uint8Array(100));
        await refused(`redis://:wrong@127.0.0.1:${port}/0`, /WRONGPASS/);
        await refused(`redis://127.0.0.1:${port}/0`, /NOAUTH/);
      },
    );
  },
});
