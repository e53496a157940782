import { message } from "@vcs/transport/message";
import assert from "node:assert/strict";
import { StreamDeduplicator } from "./deduplication.ts";

const window = (stream: number, sequence: number) =>
  message(new Uint8Array(1), { streamId: `${stream}`.padStart(16, "0"), sequence });

Deno.test("deduplication: duplicates of the last 1,024 messages of a stream are recognised", () => {
  const known = new StreamDeduplicator();
  for (let sequence = 0; sequence < 3000; sequence++) known.add(window(1, sequence));
  const remembered = Array.from({ length: 3000 }, (_, sequence) => sequence)
    .filter((sequence) => known.has(window(1, sequence)));
  assert.deepEqual(remembered, Array.from({ length: 1024 }, (_, i) => 1976 + i));
});

Deno.test("deduplication: duplicates of the last 8 streams are recognised", () => {
  const known = new StreamDeduplicator();
  for (let stream = 1; stream <= 20; stream++) known.add(window(stream, 0));
  const remembered = Array.from({ length: 20 }, (_, i) => i + 1)
    .filter((stream) => known.has(window(stream, 0)));
  assert.deepEqual(remembered, [13, 14, 15, 16, 17, 18, 19, 20]);
});
