import assert from "node:assert/strict";
import { hasBroker } from "../../packages/transport/trial/brokers.ts";
import { needs } from "../shared.ts";
import { compared, runKills } from "./kills.ts";

const NOTHING = { lost: 0, unknown: 0, doubled: 0, differing: 0 };

for (const [what, more] of [["", {}], ["batches of ", { group: 5, jobs: 3 }]] as const) {
  Deno.test({
    name: `a queue of ${what}items with kills and a restart of Redis loses and doubles nothing`,
    ...needs(hasBroker("redis")),
    async fn() {
      const { takenOver: _, seconds: __, ...faults } = await runKills({
        ...{ items: 120, kills: 4, restarts: 1 },
        ...more,
      });
      assert.deepEqual(faults, NOTHING);
    },
  });
}

Deno.test("what is lost, doubled, otherwise or only with the queue is counted", () => {
  const entries = (text: string) =>
    text.split(" ").map((word) => ({ key: word[0]!, sha256: word[1]! }));
  const alone = entries("a1 b1 c1");
  assert.deepEqual(compared(alone, entries("c1 a1 b1")), NOTHING);
  assert.deepEqual(compared(alone, entries("a1 b1")), { ...NOTHING, lost: 1 });
  assert.deepEqual(compared(alone, entries("a1 b1 c1 d1 e1")), { ...NOTHING, unknown: 2 });
  assert.deepEqual(compared(alone, entries("a1 b1 c1 c1")), { ...NOTHING, doubled: 1 });
  assert.deepEqual(compared(alone, entries("a1 b2 c1")), { ...NOTHING, differing: 1 });
  // Of two records of a key the one that is otherwise is seen, whichever comes first.
  const both = { ...NOTHING, doubled: 1, differing: 1 };
  assert.deepEqual(compared(alone, entries("a1 b2 b1 c1")), both);
});
