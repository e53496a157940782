import assert from "node:assert/strict";
import { needs } from "#testing/shared.ts";
import { hasBroker, startBroker } from "../trial/brokers.ts";
import { openSender } from "../channel.ts";
import { message } from "../message.ts";
import { conformance, LIMIT } from "../testing/conformance.ts";

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
  },
});
