import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { TimeSlice } from "./event_loop.ts";

/** Whether others had their turn while something was waited for. */
async function othersRan(wait: () => Promise<void>): Promise<boolean> {
  let ran = false;
  setImmediate(() => ran = true);
  await wait();
  return ran;
}

Deno.test("TimeSlice yields to the event loop once it is used up", async () => {
  const slice = new TimeSlice(0);
  for (let turn = 0; turn < 3; turn++) assert.ok(await othersRan(() => slice.yieldToEventLoop()));
});

Deno.test("TimeSlice continues at once while time is left", async () => {
  const slice = new TimeSlice(60_000);
  assert.equal(await othersRan(() => slice.yieldToEventLoop()), false);
});

Deno.test("TimeSlice throws the reason of a signal that is aborted before or meanwhile", async () => {
  await assert.rejects(
    new TimeSlice(60_000).yieldToEventLoop(AbortSignal.abort(new Error("before"))),
    {
      message: "before",
    },
  );
  const abort = new AbortController();
  setImmediate(() => abort.abort(new Error("meanwhile")));
  await assert.rejects(new TimeSlice(0).yieldToEventLoop(abort.signal), { message: "meanwhile" });
});
