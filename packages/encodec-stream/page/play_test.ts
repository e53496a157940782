import assert from "node:assert/strict";
import { play } from "./play.ts";

Deno.test("play serves its page, with the file that it was given, until it is interrupted", async () => {
  const stop = new AbortController();
  const urls = Promise.withResolvers<string>();
  const { writeSync } = Deno.stderr;
  Deno.stderr.writeSync = (bytes) => {
    const [, url] = /player is at (\S+)/.exec(new TextDecoder().decode(bytes)) ?? [];
    if (url !== undefined) urls.resolve(url);
    return bytes.length;
  };
  try {
    const context = { signal: stop.signal, env: () => undefined };
    const played = play.invoke(["--port", "0", "--device", "cpu", "song.ecdc"], context);
    const url = await Promise.race([urls.promise, played.then(() => assert.fail("it ended"))]);
    assert.deepEqual(await (await fetch(new URL("start", url))).json(), { file: "song.ecdc" });
    stop.abort();
    await assert.rejects(played, { name: "AbortError" });
    await assert.rejects(fetch(url), TypeError);
  } finally {
    Deno.stderr.writeSync = writeSync;
  }
});
