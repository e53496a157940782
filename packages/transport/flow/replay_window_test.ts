import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { REPLAY_WINDOW, ReplayWindow } from "./replay_window.ts";

Deno.test("replay window: says what a set of the last numbers says", () => {
  const next = random(5);
  for (let round = 0; round < 20; round++) {
    const window = new ReplayWindow();
    const came = new Set<number>();
    let highest = Math.floor(next() * 100);
    for (let i = 0; i < 3000; i++) {
      highest += next() < 0.01 ? Math.floor(next() * 3000) : 1;
      const sequence = Math.max(0, highest - Math.floor(next() * 1200));
      window.add(sequence);
      came.add(sequence);
      const top = Math.max(...[...came].slice(-1300));
      const asked = Math.max(0, top - Math.floor(next() * 1300));
      const expected = came.has(asked) && asked > top - REPLAY_WINDOW;
      assert.equal(window.has(asked), expected, `${asked} of ${top}`);
    }
  }
});

Deno.test("replay window: a number that is too old is not known", () => {
  const window = new ReplayWindow();
  assert.equal(window.has(0), false);
  for (let sequence = 0; sequence <= REPLAY_WINDOW; sequence++) window.add(sequence);
  assert.deepEqual([0, 1, REPLAY_WINDOW, REPLAY_WINDOW + 1].map((n) => window.has(n)), [
    false,
    true,
    true,
    false,
  ]);
  window.add(0);
  assert.equal(window.has(0), false);
  assert.equal(window.next, REPLAY_WINDOW + 1);
});

Deno.test("replay window: a huge jump costs no time, and what was before it is forgotten", () => {
  const window = new ReplayWindow();
  const far = Number.MAX_SAFE_INTEGER - 1;
  for (const sequence of [3, far]) window.add(sequence);
  assert.equal(window.has(far), true);
  assert.equal(window.has(far - 1), false);
  assert.equal(window.has(far - REPLAY_WINDOW + 1), false);
  assert.equal(window.next, far + 1);
});
