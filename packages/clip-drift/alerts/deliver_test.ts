import assert from "node:assert/strict";
import { Delivery } from "./deliver.ts";

/** A webhook that answers when it is let. */
function webhook(status = 200) {
  const bodies: string[] = [];
  const gate = Promise.withResolvers<void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    bodies.push(await request.text());
    await gate.promise;
    return new Response(null, { status });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    bodies,
    open: gate.resolve,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("at most 32 alerts wait for a webhook; the others are refused and reported", async () => {
  await using hook = webhook();
  const failures: string[] = [];
  {
    await using delivery = new Delivery({
      webhooks: [hook.url],
      timeout: 60,
      onFailure: (line) => failures.push(line),
    });
    for (let n = 0; n < 40; n++) delivery.send({ n });
    hook.open();
  }
  assert.equal(failures.length, 8);
  assert.match(failures[0]!, /^Cannot POST to http.*: 32 alerts wait already$/);
  assert.deepEqual(hook.bodies.map((body) => JSON.parse(body).n), [...Array(32).keys()]);
});

Deno.test("those that were delivered, or failed, make room for others", async () => {
  for (const status of [200, 503]) {
    await using hook = webhook(status);
    hook.open();
    const failures: string[] = [];
    const options = { webhooks: [hook.url], onFailure: (line: string) => failures.push(line) };
    await using delivery = new Delivery(options);
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 20; n++) delivery.send({ n });
      await delivery[Symbol.asyncDispose]();
    }
    assert.equal(hook.bodies.length, 60);
    assert.equal(failures.length, status === 200 ? 0 : 60);
    assert.ok(failures.every((line) => line.endsWith("status 503, wanted 2xx")));
  }
});
