import assert from "node:assert/strict";
import { hasPrograms, needs } from "#testing/shared.ts";
import { encodeWav } from "@vcs/media/wav";
import { mixDown } from "./downmix.ts";

/** Channels that differ in every sample. */
const channelsOf = (count: number, length: number) =>
  Array.from(
    { length: count },
    (_, c) => Float32Array.from({ length }, (_, i) => Math.sin((c + 2) * i * 0.01) * 0.9),
  );

async function mixed(channels: Float32Array<ArrayBuffer>[], to: number) {
  const chunks = (async function* () {
    yield await Promise.resolve(channels);
  })();
  return (await Array.fromAsync(mixDown(chunks, channels.length, to)))[0]!;
}

Deno.test("one and two channels become two and one", async () => {
  const [left, right] = channelsOf(2, 5) as [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>];
  assert.deepEqual(await mixed([left], 2), [left, left]);
  assert.deepEqual(await mixed([left, right], 2), [left, right]);
  assert.deepEqual(await mixed([left, right], 1), [left.map((v, i) => v / 2 + right[i]! / 2)]);
});

Deno.test("more channels than any layout has are refused before any is read", () => {
  const none = new ReadableStream<never>();
  assert.throws(() => mixDown(none, 9, 2), /found 9 channels, expected 1 to 8/);
});

Deno.test({
  name: "three to eight channels become what FFmpeg makes of them",
  ...needs(hasPrograms("ffmpeg")),
  fn: async () => {
    for (let count = 3; count <= 8; count++) {
      const channels = channelsOf(count, 480);
      const child = new Deno.Command("ffmpeg", {
        args: ["-v", "error", "-i", "-", "-ac", "2", "-f", "s16le", "-"],
        stdin: "piped",
        stdout: "piped",
      }).spawn();
      const wav = encodeWav(channels, { sampleRate: 48000 });
      await new Response(wav).body!.pipeTo(child.stdin);
      const { stdout } = await child.output();
      const theirs = new Int16Array(stdout.buffer.slice(0, stdout.length));
      const ours = await mixed(channels, 2);
      assert.equal(theirs.length, 960, `${count} channels`);
      theirs.forEach((v, i) => {
        const found = ours[i % 2]![i >> 1]! * 32768;
        assert.ok(Math.abs(found - v) < 3, `${count} channels, ${i}: ${found} is not ${v}`);
      });
    }
  },
});
