import { freePort } from "../../site/free_port.ts";
import { conformance, LIMIT } from "../../testing/conformance.ts";

Deno.test("channel: zmq-pub keeps its promises", async (t) => {
  await conformance(t, {
    channel: "zmq-pub",
    place() {
      const place = `127.0.0.1:${freePort()}?credits=${LIMIT}`;
      return { sender: `zmq+pub://${place}`, receiver: `zmq+sub://${place}` };
    },
  });
});
