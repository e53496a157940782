import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { eventLoopYielder } from "./event_loop.ts";

/** Whether others had their turn while something was waited for. */
async function othersRan(wait: () => Promise<void>): Promise<boolean> {
  let ran = false;
  setImmediate(() => ran = true);
  await wait();
  return ran;
}

Deno.test("eventLoopYielder() yields to the event loop once its time is used up", async () => {
  const yieldToEventLoop = eventLoopYielder(0);
  for (let turn = 0; turn < 3; turn++) assert.ok(await othersRan(() => yieldToEventLoop()));
});

Deno.test("eventLoopYielder() goes on at once while there is time", async () => {
  const yieldToEventLoop = eventLoopYielder(60_000);
  assert.equal(await othersRan(() => yieldToEventLoop()), false);
});

Deno.test("eventLoopYielder() throws the reason of a signal that is aborted before or meanwhile", async () => {
  await assert.rejects(eventLoopYielder(60_000)(AbortSignal.abort(new Error("before"))), {
    message: "before",
  });
  const abort = new AbortController();
  setImmediate(() => abort.abort(new Error("meanwhile")));
  await assert.rejects(eventLoopYielder(0)(abort.signal), { message: "meanwhile" });
});
