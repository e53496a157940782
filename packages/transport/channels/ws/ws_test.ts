import assert from "node:assert/strict";
import { openReceiver, openSender } from "../../channel.ts";
import { message } from "../../message.ts";
import { openSocketReceiver } from "./ws.ts";
import { freePort } from "../../site/free_port.ts";
import { conformance, LIMIT } from "../../testing/conformance.ts";

Deno.test("channel: ws keeps its promises", async (t) => {
  await conformance(t, {
    channel: "ws",
    place() {
      const url = `ws://127.0.0.1:${freePort()}/windows?token=open&credits=${LIMIT}`;
      return { sender: url, receiver: url };
    },
    port: ({ receiver }) => Number(new URL(receiver).port),
    through: ({ sender, receiver }, port) => ({
      sender: sender.replace(/:\d+/, `:${port}`),
      receiver: `${receiver}&names=127.0.0.1:${port}`,
    }),
  });
});

Deno.test("ws: who does not know the token, or asks for another path, is refused at once", async () => {
  await using receiver = await openReceiver("ws://127.0.0.1:0/windows?token=open");
  const asked = new URL(receiver.url);
  const wrong = ["/windows?token=shut", "/windows", "/other?token=open"];
  for (const path of wrong) {
    const sender = await openSender(`ws://${asked.host}${path}`, { timeout: 600_000 });
    const sending = sender.send(message(new Uint8Array(1))).then(() => sender.flush());
    await assert.rejects(sending, { code: "refused", message: /status code: 40[134]/ }, path);
    await sender.close();
  }
  await using sender = await openSender(receiver.url);
  await sender.send(message(new Uint8Array(1), { end: true }));
  assert.equal((await Array.fromAsync(receiver)).length, 1);
});

Deno.test("ws: a sender may listen, and beyond this machine its URL has a token", async () => {
  await using sender = await openSender("ws://0.0.0.0:0/?listen=true");
  const { port, searchParams } = new URL(sender.url);
  const token = searchParams.get("token");
  assert.match(token ?? "", /^[0-9a-f]{32}$/);
  await using receiver = await openReceiver(`ws://127.0.0.1:${port}/?listen=false&token=${token}`);
  await sender.send(message(new Uint8Array(1), { end: true }));
  assert.equal((await Array.fromAsync(receiver)).length, 1);
});

Deno.test("ws: nobody listens with TLS, and portable ends do not listen", async () => {
  await assert.rejects(openReceiver("wss://127.0.0.1:0/"), RangeError);
  assert.throws(() => openSocketReceiver("ws://127.0.0.1:0/?listen=true"), RangeError);
});
