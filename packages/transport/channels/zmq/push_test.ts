import { freePort } from "../../site/free_port.ts";
import { conformance, LIMIT } from "../../testing/conformance.ts";

Deno.test("channel: zmq-push keeps its promises", async (t) => {
  await conformance(t, {
    channel: "zmq-push",
    place() {
      const place = `127.0.0.1:${freePort()}?credits=${LIMIT}`;
      return { sender: `zmq+push://${place}`, receiver: `zmq+pull://${place}` };
    },
    port: ({ receiver }) => Number(new URL(receiver).port),
    through: ({ sender, receiver }, port) => ({
      sender: sender.replace(/:\d+/, `:${port}`),
      receiver,
    }),
  });
});
