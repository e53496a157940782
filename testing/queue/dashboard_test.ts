import assert from "node:assert/strict";
import { join } from "node:path";
import { submit } from "../../packages/transport/batch/queue/submit.ts";
import { workOnQueue } from "../../packages/transport/batch/queue/work.ts";
import { knownWork, numbered } from "../../packages/transport/testing/batch_work.ts";
import { hasBroker, startBroker } from "../../packages/transport/trial/brokers.ts";
import { whereThere } from "../shared.ts";
import { Dashboard, installDashboard } from "./dashboard.ts";

const folder = hasBroker("redis") ? await installDashboard() : undefined;

Deno.test({
  ...whereThere("queue: Bull Board shows the jobs of a batch, and its buttons work", {
    "redis-server, and @bull-board from npm": folder !== undefined,
  }),
  async fn() {
    await using broker = await startBroker("redis");
    const output = join(folder!, "out");
    const queue = `redis://127.0.0.1:${broker.port}`;
    const { signal } = new AbortController();
    const place = { output, queue, format: "files", signal } as const;
    const plan = { group: 1, attempts: 1, retryFailed: false };
    await submit({ ...place, ...plan, items: numbered(20, true) });
    await using dashboard = await Dashboard.start(folder!, broker.port);
    assert.equal((await dashboard.shows("waiting")).counts.waiting, 20);
    await Array.fromAsync(workOnQueue(knownWork(), place));
    const { counts, jobs } = await dashboard.shows("failed");
    assert.deepEqual([counts.completed, counts.failed], [18, 2]);
    const shown = jobs.map(({ name, failedReason }) => [name, failedReason]).sort();
    assert.deepEqual(shown[0], [
      "folder/sound 19.wav",
      "1 of 1 items failed; the first: folder/sound 19.wav: format: Cannot read bad 19: it is bad",
    ]);
    const [done] = (await dashboard.shows("completed")).jobs;
    assert.deepEqual(done?.returnValue, { records: 1 });
    assert.ok(await dashboard.press("retry/failed"));
    assert.equal((await dashboard.shows("waiting")).counts.waiting, 2);
  },
});

globalThis.addEventListener("unload", () => {
  if (folder !== undefined) Deno.removeSync(folder, { recursive: true });
});
