import assert from "node:assert/strict";
import { freePort } from "../../site/free_port.ts";
import { openReceiver, openSender } from "../../channel.ts";
import { ManualClock } from "../../flow/clock.ts";
import { message } from "../../message.ts";
import { until } from "../../testing/waits.ts";
import { Waiting } from "./waiting.ts";

Deno.test("waiting: said after two seconds, once in each wait, without the password", async () => {
  const clock = new ManualClock();
  const told: string[] = [];
  const notice = (line: string) => void told.push(line);
  const waiting = new Waiting(new URL("nats://me:secret@host:4222"), { clock, notice });
  waiting.begin();
  waiting.cause = new Error("connection refused");
  await clock.advance(1999);
  assert.deepEqual(told, []);
  waiting.begin();
  await clock.advance(1);
  await clock.advance(10_000);
  assert.deepEqual(told, ["Waiting for nats://host:4222: connection refused"]);
  waiting.end();
  waiting.begin();
  await clock.advance(1000);
  waiting.end();
  await clock.advance(5000);
  assert.equal(told.length, 1);
});

/** What a sender to nobody says. */
async function toldBy(url: string): Promise<string> {
  const told = Promise.withResolvers<string>();
  await using stack = new AsyncDisposableStack();
  const sender = await openSender(url, { notice: told.resolve });
  stack.defer(() => sender.close());
  await sender.send(message(new Uint8Array(1)));
  return await told.promise;
}

Deno.test("waiting: every channel says for whom it waits", async () => {
  await Promise.all(["tcp", "zmq+push", "redis", "amqp", "nats"].map(async (scheme) => {
    const url = `${scheme}://127.0.0.1:${freePort()}/`;
    const line = await toldBy(url);
    assert.ok(line.startsWith(`Waiting for ${url}: `), line);
    assert.match(line, /refused/i);
  }));
});

Deno.test("waiting: a receiver that connects says for whom, one that is served says nothing", async () => {
  const told: string[] = [];
  const notice = (line: string) => void told.push(line);
  const port = freePort();
  const receiver = await openReceiver(`tcp://127.0.0.1:${port}?listen=false`, { notice });
  await until(() => told.length > 0);
  const sender = await openSender(`tcp://127.0.0.1:${port}?listen=true`, { notice });
  await sender.send(message(new Uint8Array(1), { end: true }));
  assert.equal((await Array.fromAsync(receiver)).length, 1);
  await receiver.close();
  await sender.close();
  assert.equal(told.length, 1);
});
