import assert from "node:assert/strict";
import { join } from "node:path";
import { openAudio } from "@vcs/media/audio";
import { encodeWav } from "@vcs/media/wav";
import { EcdcReader } from "../ecdc.ts";
import { Encoder } from "../encoder.ts";
import { TINY_MODEL } from "../models.ts";
import { syntheticAudio } from "../network/synthetic.ts";
import { encodecStream } from "../command/command.ts";

const RATE = 24000;

async function invoke(...args: string[]): Promise<number> {
  return await encodecStream.invoke(["batch", ...args], {
    signal: new AbortController().signal,
    env: () => undefined,
    note: () => {},
  });
}

/** The codes in a file that a batch made. */
async function codesIn(path: string): Promise<number[]> {
  await using reader = await EcdcReader.open(path);
  const blocks = await Array.fromAsync(reader.blocks());
  return blocks.flatMap(({ codes }) => [...codes]);
}

Deno.test("batch makes of each audio the codes that encoding it alone makes", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const samples = syntheticAudio(TINY_MODEL, 30_000);
    await Deno.mkdir(join(folder, "in/b"), { recursive: true });
    const write = (path: string, from: number, to: number) =>
      Deno.writeFile(
        join(folder, path),
        encodeWav([samples.subarray(from, to)], { sampleRate: RATE }),
      );
    await write("in/a.wav", 0, 30_000);
    await write("in/b/short.wav", 0, 5_000);
    await write("cut.wav", 12_000, 24_000);
    await Deno.writeTextFile(join(folder, "in/broken.mp3"), "nothing");
    const cut = { source: join(folder, "in/a.wav"), key: "cut", from: 0.5, to: 1 };
    await Deno.writeTextFile(join(folder, "list"), JSON.stringify(cut));
    const output = join(folder, "out");
    const inputs = [join(folder, "in"), "--list", join(folder, "list"), "-o", output];
    const settings = [...inputs, "--model", TINY_MODEL, "-b"];
    assert.equal(await invoke(...settings, "6"), 1);
    const manifest = JSON.parse(await Deno.readTextFile(join(output, "manifest.json")));
    assert.deepEqual([manifest.counts.records, manifest.failures], [3, { "invalid-media": 1 }]);
    using encoder = await Encoder.open(TINY_MODEL, 8, { threads: 1 });
    for (
      const [source, made] of [["in/a", "a.wav"], ["in/b/short", "b/short.wav"], ["cut", "cut"]]
    ) {
      await using audio = await openAudio(join(folder, `${source}.wav`));
      const blocks = await Array.fromAsync(encoder.encode(audio));
      const expected = blocks.flatMap(({ codes }) => [...codes]);
      assert.deepEqual(await codesIn(join(output, `${made}.ecdc`)), expected);
    }
    await assert.rejects(invoke(...settings, "3"), {
      name: "UsageError",
      message: /found --bitrate 3, expected --bitrate 6/,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
