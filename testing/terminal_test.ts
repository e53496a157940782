import assert from "node:assert/strict";
import { needs } from "./shared.ts";
import { hasTerminal, inTerminal } from "./terminal.ts";

const ENCODEC = import.meta.resolve("../packages/encodec-stream/mod.ts");
const VIDEO_VQ = import.meta.resolve("../packages/video-vq/mod.ts");

/** Command lines that write data to standard output, and what they say of a terminal. */
const WRITERS: readonly [module: string, args: readonly string[], said: RegExp][] = [
  [ENCODEC, ["-d", "x.ecdc"], /^encodec-stream: Cannot write samples to .* a terminal.*-o FILE/],
  [
    ENCODEC,
    ["-d", "--format", "wav", "-o", "-", "x.ecdc"],
    /Cannot write samples to .* a terminal/,
  ],
  [ENCODEC, ["-e", "-"], /^encodec-stream: Cannot write an \.ecdc file to .* a terminal/],
  [VIDEO_VQ, ["decode", "file:nowhere/", "-"], /^video-vq: Cannot write frames to .* a terminal/],
  [VIDEO_VQ, ["roundtrip", "x.mp4", "-"], /^video-vq: Cannot write frames to .* a terminal/],
];

for (const [module, args, said] of WRITERS) {
  const name = `data are not written to a terminal: ${module.split("/").at(-2)} ${args.join(" ")}`;
  Deno.test({
    name,
    ...needs(hasTerminal),
    async fn() {
      const { code, seen } = await inTerminal(module, ...args);
      assert.equal(code, 2, seen);
      assert.match(seen, said);
      assert.match(seen, /^See .* --help\n$/m);
    },
  });
}

Deno.test({
  name: "text is written to a terminal, and data through a pipe",
  ...needs(hasTerminal),
  async fn() {
    const help = await inTerminal(ENCODEC, "--help");
    assert.equal(help.code, 0, help.seen);
    assert.match(help.seen, /^ +-d FILE\|URL +Decode/m);
    const args = ["run", "--quiet", "--no-check", "-A", ENCODEC, "-d", "x.ecdc"];
    const { stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
    assert.doesNotMatch(new TextDecoder().decode(stderr), /terminal/);
  },
});
