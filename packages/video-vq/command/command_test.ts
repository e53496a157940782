import type { UsageError } from "@vcs/transport/internal";
import assert from "node:assert/strict";
import { checkReadme } from "#testing/readme.ts";
import { videoVq } from "./command.ts";

const context = { signal: new AbortController().signal, env: () => undefined, note: () => {} };

Deno.test("command: the README's table is that of the command", async () => {
  await checkReadme(new URL("../README.md", import.meta.url), videoVq);
});

const WRONG: readonly [args: readonly string[], message: RegExp][] = [
  [
    ["encode", "htp://a:secret@cam/", "b"],
    /^Cannot read SOURCE: Cannot open htp:\/\/cam\/: found scheme htp:\/\/,/,
  ],
  [["encode", "a.mp4"], /found 1 argument, expected SOURCE CHANNEL$/],
  [["encode", "--policy", "maybe", "a", "b"], /--policy: found "maybe", .* block, drop-oldest/],
  [["encode", "--queue", "9", "a", "b"], /--queue: found "9", .* from 2 to 4/],
  [["encode", "--size", "100", "a", "b"], /--size: found "100", .* multiples of 8 from 8 to 1024/],
  [["encode", "--size", "128x", "a", "b"], /--size: found "128x"/],
  [["encode", "--size", "2048", "a", "b"], /--size: found "2048"/],
  [["encode", "--raw-size", "0x5", "a", "b"], /--raw-size: found "0x5", .* as 640x480/],
  [["encode", "--stream-id", "ab", "a", "b"], /--stream-id: found "ab", .* hexadecimal digits/],
  [["encode", "--model", "vqtiny", "a", "b"], /--model: found "vqtiny", .* vq-tiny$/],
  [["decode", "--size", "128", "a", "b"], /--size: it belongs to video-vq encode/],
  [["decode", "--jurnal", "f", "a", "b"], /did you mean --journal\?/],
  [["inspect", "tcp://127.0.0.1:7000"], /expected a journal, file:folder\/ or zmq\+sub:/],
  [
    ["encode", "--stream-id", "a".repeat(16), "--payload", "range", "--key-every", "9", "a", "b"],
    /--key-every: found "9", expected 1 with --stream-id/,
  ],
];

for (const [args, message] of WRONG) {
  Deno.test(`command: refuses ${args.join(" ")}`, async () => {
    await assert.rejects(videoVq.invoke(args, context), (error: UsageError) => {
      assert.equal(error.name, "UsageError");
      assert.match(error.message, message);
      return true;
    });
  });
}
