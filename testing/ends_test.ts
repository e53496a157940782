import assert from "node:assert/strict";
import { ENDS, wrongEnds } from "./ends_with_runs.ts";

for (const how of Object.keys(ENDS) as (keyof typeof ENDS)[]) {
  Deno.test({
    name: `a process that ends while runs are under way ends as it was to: ${how}`,
    // Elsewhere the destructors of ONNX Runtime run, and some processes die by them.
    ignore: Deno.build.os !== "linux",
    fn: async () => assert.deepEqual(await wrongEnds(how, 4), []),
  });
}
