import { ManualClock } from "@vcs/transport";
import assert from "node:assert/strict";
import { Teller } from "./teller.ts";

Deno.test("teller: the first of a kind at once, the others counted", async () => {
  const clock = new ManualClock();
  const told: string[] = [];
  const teller = new Teller((event) => told.push(event), clock);
  for (let i = 0; i < 3000; i++) teller.tell("stream", `stream ${i}`);
  teller.tell("window", "window 1");
  assert.deepEqual(told.splice(0), ["stream 0", "window 1"]);
  await clock.advance(10_000);
  teller.tell("stream", "stream 3000");
  teller.tell("stream", "stream 3001");
  assert.deepEqual(told.splice(0), ["stream 3000 (and 2999 like it before)"]);
  await clock.advance(10_000);
  teller.tell("window", "window 2");
  assert.deepEqual(told, ["window 2"]);
});
