import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { Breather } from "./event_loop.ts";

/** Whether others had their turn while something was waited for. */
async function othersRan(wait: () => Promise<void>): Promise<boolean> {
  let ran = false;
  setImmediate(() => ran = true);
  await wait();
  return ran;
}

Deno.test("Breather gives way to the event loop once its time is used up", async () => {
  const breather = new Breather(0);
  for (let turn = 0; turn < 3; turn++) assert.ok(await othersRan(() => breather.breathe()));
});

Deno.test("Breather goes on at once while there is time", async () => {
  const breather = new Breather(60_000);
  assert.equal(await othersRan(() => breather.breathe()), false);
});

Deno.test("Breather throws the reason of a signal that is aborted before or meanwhile", async () => {
  await assert.rejects(new Breather(60_000).breathe(AbortSignal.abort(new Error("before"))), {
    message: "before",
  });
  const abort = new AbortController();
  setImmediate(() => abort.abort(new Error("meanwhile")));
  await assert.rejects(new Breather(0).breathe(abort.signal), { message: "meanwhile" });
});
