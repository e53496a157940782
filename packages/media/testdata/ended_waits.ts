/**
 * Ends two hundred waits for a named pipe, each at once followed by the next: `ended_waits.ts PIPE`.
 * Fails where a reader is given what ended the wait of the one before.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readSource } from "../decode/media_source.ts";

const [path] = Deno.args as [string];
for (let n = 0; n < 200; n++) {
  const abort = new AbortController();
  const reading = readSource(path, abort.signal).then((bytes) => bytes.getReader().read());
  setTimeout(() => abort.abort(new Error("enough")), 1);
  await assert.rejects(reading, /enough/);
}
