import assert from "node:assert/strict";
import { hasBroker } from "../../packages/transport/trial/brokers.ts";
import { needs } from "../shared.ts";
import { runKills } from "./kills.ts";

Deno.test({
  name: "a queue whose workers are killed and whose Redis is restarted loses and doubles nothing",
  ...needs(hasBroker("redis")),
  async fn() {
    const { lost, doubled, differing } = await runKills({ items: 120, kills: 4, restarts: 1 });
    assert.deepEqual({ lost, doubled, differing }, { lost: 0, doubled: 0, differing: 0 });
  },
});
