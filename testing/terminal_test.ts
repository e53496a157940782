import { EcdcWriter } from "@vcs/encodec-stream/ecdc";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { tensor } from "@vcs/transport/tensor";
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

/** What retitles a terminal, clears it and turns text. */
const HOSTILE = "\x1b]0;owned\x07\x9b2J\u202egpj";

// deno-lint-ignore no-control-regex -- these are what must not get through
const STEERING = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** Answers one request with a head of its own. */
function answerOnce(head: string): string {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const answer = async () => {
    using server = listener;
    using connection = await server.accept();
    await connection.read(new Uint8Array(4096));
    await connection.write(new TextEncoder().encode(head));
  };
  answer().catch(() => {});
  return `http://127.0.0.1:${listener.addr.port}/`;
}

/** An `.ecdc` file of one frame. */
async function titled(title: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const sink = { write: (bytes: Uint8Array) => Promise.resolve(void parts.push(bytes)) };
  const writer = new EcdcWriter(sink, { model: "encodec_24khz", codebooks: 2, title });
  await writer.write({ codes: Uint16Array.of(1, 2) });
  await writer.close(320);
  return await new Blob(parts as Uint8Array<ArrayBuffer>[]).bytes();
}

/** What comes from outside, and the command that shows it. */
const SHOWS: Readonly<Record<string, (folder: string) => Promise<[string, ...string[]]>>> = {
  "metadata": async (folder) => {
    const path = `${folder}/a.safetensors`;
    const bytes = encodeSafetensors({ [HOSTILE]: tensor("F32", [1]) }, { [HOSTILE]: HOSTILE });
    await Deno.writeFile(path, bytes);
    return [import.meta.resolve("../packages/onnx/mod.ts"), "doctor", path];
  },
  "a title": async (folder) => {
    const path = `${folder}/a.ecdc`;
    await Deno.writeFile(path, await titled(HOSTILE));
    return [ENCODEC, "-i", "--json", path];
  },
  "a camera's answer": () => {
    const camera = answerOnce(`HTTP/1.1 200 OK\r\nContent-Type: text/${HOSTILE}\r\n\r\n`);
    const module = import.meta.resolve("../packages/clip-drift/mod.ts");
    return Promise.resolve([module, "--test", "--model", "gist", "-s", camera]);
  },
  "a file's name": () => Promise.resolve([ENCODEC, "-i", `${HOSTILE}.ecdc`]),
};

for (const [what, make] of Object.entries(SHOWS)) {
  Deno.test({
    name: `what steers a terminal is shown and not obeyed: ${what}`,
    ...needs(hasTerminal),
    async fn() {
      const folder = await Deno.makeTempDir();
      try {
        const { seen } = await inTerminal(...await make(folder));
        assert.match(seen, /\\(x|u00)1b\]0;owned\\/);
        assert.doesNotMatch(seen, STEERING);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
