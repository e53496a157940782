import assert from "node:assert/strict";
import { CumulativeAck } from "./cumulative_ack.ts";

Deno.test("cumulative ack: acknowledges what is accepted without a hole before it", () => {
  const acks = new CumulativeAck(4);
  const through = [7, 6, 5, 9, 8].map((number) => (acks.accept(number), acks.through));
  assert.deepEqual(through, [4, 4, 7, 7, 9]);
});
