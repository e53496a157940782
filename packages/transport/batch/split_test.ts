import assert from "node:assert/strict";
import { readValue } from "../command/values.ts";
import { isInSplit, splitKind, splitOf, stemOf } from "./split.ts";

const read = (text: string) => readValue(splitKind, text, "--shard");
const env = (variables: Record<string, string>) => ({
  get: (name: string) => variables[name],
});
const NOTHING = env({});

Deno.test("a part is one of several, from 0", () => {
  assert.deepEqual(splitOf(read("3/16"), NOTHING), { index: 3, count: 16 });
  assert.equal(splitOf(undefined, NOTHING), undefined);
  for (const text of ["16/16", "x/3", "3", "1/0", "auto"]) {
    assert.throws(() => read(text), { name: "UsageError" });
  }
});

Deno.test("array jobs say which part is theirs", () => {
  const slurm = {
    ...{ SLURM_ARRAY_TASK_ID: "7", SLURM_ARRAY_TASK_MIN: "1", SLURM_ARRAY_TASK_STEP: "2" },
    SLURM_ARRAY_TASK_COUNT: "5",
  };
  assert.deepEqual(splitOf(undefined, env(slurm)), { index: 3, count: 5 });
  const aws = { AWS_BATCH_JOB_ARRAY_INDEX: "2", AWS_BATCH_JOB_ARRAY_SIZE: "9" };
  assert.deepEqual(splitOf(undefined, env(aws)), { index: 2, count: 9 });
  const kubernetes = env({ JOB_COMPLETION_INDEX: "0" });
  assert.deepEqual(splitOf(read("auto/4"), kubernetes), { index: 0, count: 4 });
  assert.throws(() => splitOf(undefined, kubernetes), /expected --shard auto\/N, or off/);
  assert.equal(splitOf(read("off"), kubernetes), undefined);
  assert.throws(() => splitOf(read("auto/4"), NOTHING), /found no index of an array job/);
  assert.throws(
    () => splitOf(read("auto/4"), env({ JOB_COMPLETION_INDEX: "4" })),
    /found part 4 of 4, expected 0 to 3/,
  );
});

Deno.test("every item belongs to one part", () => {
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 4000; i++) {
    const parts = [0, 1, 2, 3].filter((index) => isInSplit(`sound ${i}`, { index, count: 4 }));
    assert.equal(parts.length, 1);
    counts[parts[0]!]!++;
  }
  for (const count of counts) assert.ok(count > 900 && count < 1100, `${counts}`);
});

Deno.test("names of a part's files say which part it is", () => {
  assert.equal(stemOf(undefined), "shard");
  assert.equal(stemOf({ index: 3, count: 16 }), "shard-03-of-16");
});
