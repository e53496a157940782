import { needs } from "#testing/shared.ts";
import { hasBroker, startBroker } from "../brokers.ts";
import { conformance, LIMIT } from "../testing/conformance.ts";

Deno.test({
  name: "channel: amqp keeps its promises",
  ...needs(hasBroker("rabbitmq")),
  async fn(t) {
    await using broker = await startBroker("rabbitmq");
    const { port } = broker;
    let places = 0;
    await conformance(t, {
      channel: "amqp",
      broker,
      place() {
        const url = `amqp://127.0.0.1:${port}/?limit=${LIMIT}&queue=q${places++}`;
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
