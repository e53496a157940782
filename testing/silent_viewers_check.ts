/** Viewers that never read: each of them holds a megabyte at most, and is gone after a while. */
import assert from "node:assert/strict";
import { heldBySilentViewers, STARTS } from "./silent_viewers.ts";

for (const name of Object.keys(STARTS)) {
  Deno.test({
    name: `viewers that never read hold little, and are let go: ${name}`,
    // Elsewhere nothing says which connections are open.
    ignore: Deno.build.os !== "linux",
    async fn() {
      const { viewers, bytes, left } = await heldBySilentViewers(name);
      assert.equal(left, 0, `${left} of ${viewers} are there after two minutes`);
      assert.ok(bytes <= viewers * 2 ** 20, `${viewers} hold ${bytes} bytes`);
    },
  });
}
