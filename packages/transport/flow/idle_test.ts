import assert from "node:assert/strict";
import { ManualClock } from "./clock.ts";
import { IdleTimeout } from "./idle.ts";

Deno.test("idle: aborts with its reason when nothing came for as long as it may", async () => {
  const clock = new ManualClock();
  using idle = new IdleTimeout(1000, () => new Error(`at ${clock.now()}`), clock);
  await clock.advance(600);
  idle.touch();
  await clock.advance(999);
  assert.equal(idle.signal.aborted, false);
  await clock.advance(1);
  assert.equal(idle.signal.aborted, true);
  assert.equal(idle.signal.reason.message, "at 1600");
});

Deno.test("idle: never aborts once it is disposed", async () => {
  const clock = new ManualClock();
  const idle = new IdleTimeout(1000, () => new Error("idle"), clock);
  idle[Symbol.dispose]();
  await clock.advance(5000);
  assert.equal(idle.signal.aborted, false);
});
