import assert from "node:assert/strict";
import { Streams } from "./streams.ts";

Deno.test("the 33rd stream is turned away, until one of the others has gone", () => {
  const streams = new Streams();
  const clients = Array.from({ length: 33 }, () => new AbortController());
  const requests = clients.map(({ signal }) => new Request("http://127.0.0.1/", { signal }));
  for (const request of requests.slice(0, 32)) streams.enter(request);
  const refused = { name: "SiteError", code: "too-many-clients", message: /32 streams/ };
  assert.throws(() => streams.enter(requests[32]!), refused);
  clients[5]!.abort();
  streams.enter(requests[32]!);
  for (const client of clients) client.abort();
  assert.equal(streams.count, 0);
});
