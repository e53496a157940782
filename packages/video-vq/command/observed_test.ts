import assert from "node:assert/strict";
import { observe, prometheus } from "./observed.ts";
import { ADDRESS } from "./options.ts";

Deno.test("observed: numbers are metrics, with their place in their name", () => {
  const statistics = { framesIn: 3, dropped: [7], queue: { depth: 1 }, decode: { p50: 0.25 } };
  assert.equal(
    prometheus(statistics),
    "video_vq_frames_in 3\nvideo_vq_queue_depth 1\nvideo_vq_decode_p50 0.25\n",
  );
});

Deno.test("observed: a site tells the state of now, to this machine's names only", async () => {
  let sent = 0;
  const listen = { hostname: "127.0.0.1", port: 0 };
  await using site = await observe({ listen }, () => ({ sent: ++sent }));
  const { url } = site as AsyncDisposable & { url: string };
  assert.equal(await (await fetch(`${url}metrics`)).text(), "video_vq_sent 1\n");
  assert.deepEqual(await (await fetch(`${url}health`)).json(), { status: "ok", sent: 2 });
  const foreign = await fetch(`${url}health`, { headers: { origin: "http://evil.example" } });
  await foreign.body?.cancel();
  assert.equal(foreign.status, 403);
});

Deno.test("observed: an address is a host and a port", () => {
  assert.deepEqual(ADDRESS.parse("127.0.0.1:9000"), { hostname: "127.0.0.1", port: 9000 });
  assert.deepEqual(ADDRESS.parse("[::1]:0"), { hostname: "::1", port: 0 });
  for (const wrong of ["9000", "host:", "host:70000", ":9000", "::1:9000"]) {
    assert.equal(ADDRESS.parse(wrong), undefined, wrong);
  }
});
