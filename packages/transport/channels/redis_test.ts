import { needs } from "#testing/shared.ts";
import { hasBroker, startBroker } from "../brokers.ts";
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
      place() {
        const url = `redis://127.0.0.1:${port}/0?limit=${LIMIT}&claim=600&stream=s${places++}`;
        return { sender: url, receiver: url };
      },
      port: () => port,
      through: ({ sender, receiver }, port) => ({
        sender: sender.replace(/:\d+/, `:${port}`),
        receiver,
      }),
    });
  },
});
