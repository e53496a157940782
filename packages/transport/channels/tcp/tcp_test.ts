import { freePort } from "../../site/free_port.ts";
import { conformance, LIMIT } from "../../testing/conformance.ts";

Deno.test("channel: tcp keeps its promises", async (t) => {
  await conformance(t, {
    channel: "tcp",
    place() {
      const url = `tcp://127.0.0.1:${freePort()}?credits=${LIMIT}`;
      return { sender: url, receiver: url };
    },
    port: ({ receiver }) => Number(new URL(receiver).port),
    through: ({ sender, receiver }, port) => ({
      sender: sender.replace(/:\d+/, `:${port}`),
      receiver,
    }),
  });
});
