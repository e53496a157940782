import assert from "node:assert/strict";
import { Interrupts, interruptSignals } from "./signals.ts";

/** Interrupts over an event loop that is turned by hand. */
function interrupts() {
  let wake = () => {};
  const sleeps: number[] = [];
  const clock = {
    now: () => 0,
    sleep: (milliseconds: number) =>
      new Promise<void>((resolve) => (sleeps.push(milliseconds), wake = resolve)),
  };
  let ends = 0;
  const made = new Interrupts(() => ends++, clock);
  const turn = async () => {
    wake();
    await Promise.resolve();
    await Promise.resolve();
  };
  return { made, sleeps, turn, ends: () => ends };
}

Deno.test("the first signal aborts with an AbortError, and ends nothing", () => {
  const { made, ends } = interrupts();
  assert.ok(!made.signal.aborted);
  made.receive();
  assert.ok(made.signal.aborted);
  assert.equal((made.signal.reason as DOMException).name, "AbortError");
  assert.equal(ends(), 0);
});

Deno.test("one press that arrives twice ends nothing, however long the loop was blocked", async () => {
  const { made, sleeps, turn, ends } = interrupts();
  made.receive();
  made.receive();
  for (let turns = 0; turns < 9; turns++) {
    await turn(); // A loop that was blocked turns once, whatever time has passed.
    made.receive();
  }
  assert.equal(ends(), 0);
  assert.deepEqual(sleeps, Array(10).fill(100));
});

Deno.test("a later signal ends at once", async () => {
  const { made, turn, ends } = interrupts();
  made.receive();
  for (let turns = 0; turns < 10; turns++) await turn();
  assert.equal(ends(), 0);
  made.receive();
  assert.equal(ends(), 1);
});

Deno.test("a system is asked only for signals that it has", () => {
  assert.deepEqual(interruptSignals("windows"), ["SIGINT", "SIGBREAK"]);
  assert.deepEqual(interruptSignals("darwin"), ["SIGINT", "SIGTERM", "SIGHUP"]);
  for (const signal of interruptSignals(Deno.build.os)) {
    const ignore = () => {};
    Deno.addSignalListener(signal, ignore);
    Deno.removeSignalListener(signal, ignore);
  }
});
