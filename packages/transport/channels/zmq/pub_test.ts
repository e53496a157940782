import assert from "node:assert/strict";
import { openReceiver, openSender } from "../../channel.ts";
import { message, newStreamId } from "../../message.ts";
import { freePort } from "../../site/free_port.ts";
import { conformance, LIMIT } from "../../testing/conformance.ts";
import { until } from "../../testing/waits.ts";

Deno.test("channel: zmq-pub keeps its promises", async (t) => {
  await conformance(t, {
    channel: "zmq-pub",
    place() {
      const place = `127.0.0.1:${freePort()}?credits=${LIMIT}`;
      return { sender: `zmq+pub://${place}`, receiver: `zmq+sub://${place}` };
    },
  });
});

Deno.test("zmq+pub: what has no subscriber yet is dropped, and is not acknowledged", async () => {
  await using sender = await openSender("zmq+pub://127.0.0.1:0");
  const streamId = newStreamId();
  const send = (sequence: number) =>
    sender.send(message(new Uint8Array(1), { streamId, sequence }));
  for (let sequence = 0; sequence < 5; sequence++) await send(sequence);
  await sender.flush();
  const none = { unsent: 0, inFlight: 0, resent: 0, mostInFlight: 1 };
  const alone = { ...none, sent: 5, dropped: 5, acknowledged: 0, connections: 0 };
  assert.deepEqual(sender.counters, alone);
  await using receiver = await openReceiver(sender.url.replace("pub", "sub"));
  await until(() => sender.counters.connections === 1);
  await send(5);
  await sender.flush();
  const delivery = await receiver.receive();
  assert.equal(delivery!.message.sequence, 5);
  await delivery!.accept();
  assert.deepEqual(sender.counters, { ...alone, sent: 6, acknowledged: 1, connections: 1 });
});
