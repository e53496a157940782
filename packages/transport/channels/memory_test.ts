import { systemClock } from "../flow/clock.ts";
import { message } from "../message.ts";
import assert from "node:assert/strict";
import { memoryChannel } from "./memory.ts";

const numbered = (count: number) =>
  Array.from(
    { length: count },
    (_, sequence) => message(new Uint8Array(1), { sequence, end: sequence === count - 1 }),
  );

Deno.test("memory: a loop or stream that is left leaves its message to the next", async () => {
  const { sender, receiver } = memoryChannel();
  for (const message of numbered(3)) await sender.send(message);
  for await (const { sequence } of receiver) if (sequence === 1) break;
  const reader = receiver.readable.getReader();
  assert.equal((await reader.read()).value?.sequence, 1);
  await reader.cancel();
  assert.equal(sender.counters.inFlight, 2);
  assert.deepEqual(await Array.fromAsync(receiver, ({ sequence }) => sequence), [1, 2]);
  const { received, accepted } = receiver.counters;
  assert.deepEqual([received, accepted, sender.counters.inFlight], [3, 3, 0]);
});

Deno.test("memory: a stream that waits for a message can be cancelled, and swallows none", async () => {
  const { sender, receiver } = memoryChannel();
  const reader = receiver.readable.getReader();
  const reading = reader.read();
  await systemClock.sleep(5);
  await reader.cancel();
  assert.equal((await reading).done, true);
  await sender.send(message(new Uint8Array(1), { end: true }));
  assert.equal((await Array.fromAsync(receiver)).length, 1);
});

Deno.test("memory: a stream that waits for room can be aborted, and closes the sender", async () => {
  const { sender } = memoryChannel(1);
  const [first, second] = numbered(2);
  await sender.send(first!);
  const writer = sender.writable.getWriter();
  const writing = assert.rejects(writer.write(second!), { code: "closed" });
  await systemClock.sleep(5);
  await writer.abort();
  await writing;
  await assert.rejects(sender.send(second!), { code: "closed" });
});

Deno.test("memory: what is on its way when the sender closes is received, also after a break", async () => {
  const { sender, receiver } = memoryChannel();
  for (const message of numbered(2)) await sender.send(message);
  await sender.close();
  await sender.flush();
  for await (const { sequence } of receiver) if (sequence === 0) break;
  assert.deepEqual(await Array.fromAsync(receiver, ({ sequence }) => sequence), [0, 1]);
  assert.equal(await receiver.receive(), undefined);
});

Deno.test("memory: at most as many as the credits are on their way", async () => {
  const { sender, receiver } = memoryChannel(2);
  const [first, second, third] = numbered(3);
  await sender.send(first!);
  await sender.send(second!);
  let isSent = false;
  const sending = sender.send(third!).then(() => isSent = true);
  await systemClock.sleep(5);
  assert.equal(isSent, false);
  await (await receiver.receive())!.accept();
  await sending;
  assert.equal(sender.counters.mostInFlight, 2);
  assert.throws(() => memoryChannel(0), RangeError);
});

Deno.test("memory: a closed receiver gives nothing out", async () => {
  const { sender, receiver } = memoryChannel();
  await sender.send(message(new Uint8Array(1)));
  for await (const _ of receiver) {
    await receiver.close();
    break;
  }
  assert.equal(await receiver.receive(), undefined);
});
