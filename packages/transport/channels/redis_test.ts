import assert from "node:assert/strict";
import { needs } from "#testing/shared.ts";
import { hasBroker, startBroker } from "../trial/brokers.ts";
import { openReceiver, openSender } from "../channel.ts";
import { message } from "../message.ts";
import { conformance, LIMIT } from "../testing/conformance.ts";

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
      async remove({ receiver }) {
        using conn = await Deno.connect({ hostname: "127.0.0.1", port });
        const stream = new URL(receiver).searchParams.get("stream");
        await conn.write(new TextEncoder().encode(`DEL ${stream}\r\n`));
        const answer = new Uint8Array(100);
        assert.equal(
          new TextDecoder().decode(answer.subarray(0, await conn.read(answer) ?? 0)),
          ":1\r\n",
        );
      },
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
        using conn = await Deno.connect({ hostname: "127.0.0.1", port });
        await conn.write(new TextEncoder().encode("CONFIG SET requirepass right\r\n"));
        await conn.read(new Uint8Array(100));
        await refused(`redis://:wrong@127.0.0.1:${port}/0`, /WRONGPASS/);
        await refused(`redis://127.0.0.1:${port}/0`, /NOAUTH/);
      },
    );
  },
});
