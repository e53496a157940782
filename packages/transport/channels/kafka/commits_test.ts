import assert from "node:assert/strict";
import { Commits } from "./commits.ts";

Deno.test("kafka: what was accepted is committed when all before it was", async () => {
  const committed: string[] = [];
  const commits = new Commits();
  const hold = (partition: number, offset: number) =>
    commits.hold({
      ...{ partition, value: new Uint8Array() },
      commit: () => void committed.push(`${partition}:${offset}`),
    });
  const [first, second, third] = [hold(0, 0), hold(0, 1), hold(0, 2)];
  const other = hold(1, 0);
  await second!();
  assert.deepEqual(committed, []);
  await other();
  assert.deepEqual(committed, ["1:0"]);
  await first!();
  assert.deepEqual(committed, ["1:0", "0:1"]);
  await third!();
  assert.deepEqual(committed, ["1:0", "0:1", "0:2"]);
});
