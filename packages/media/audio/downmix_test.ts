import assert from "node:assert/strict";
import { ffmpeg } from "#testing/media_bed/clip.ts";
import { hasPrograms, needs } from "#testing/shared.ts";
import { decodeAudio } from "@vcs/media/audio";
import { encodeWav } from "@vcs/media/wav";

Deno.test({
  name: "decodeAudio() mixes 3 to 8 channels down to two as ffmpeg -ac 2 does",
  ...needs(hasPrograms("ffmpeg")),
  fn: async () => {
    const folder = await Deno.makeTempDir();
    for (const count of [3, 4, 5, 6, 7, 8]) {
      const channels = Array.from(
        { length: count },
        (_, channel) =>
          Float32Array.from({ length: 50 }, (_, i) => Math.sin(i * (channel + 2)) / 2),
      );
      const wav = encodeWav(channels, { sampleRate: 8000, format: "f32" });
      const [source, mixed] = [`${folder}/many.wav`, `${folder}/two.wav`];
      await Deno.writeFile(source, wav);
      await ffmpeg(["-i", source, "-ac", "2", "-c:a", "pcm_f32le", mixed]);
      const expected = await decodeAudio(mixed);
      const found = await decodeAudio(source, { channels: 2 });
      for (const [side, samples] of found.channels.entries()) {
        const off = samples.map((value, i) => Math.abs(value - expected.channels[side]![i]!));
        assert.ok(Math.max(...off) < 1e-6, `${count} channels: ${Math.max(...off)}`);
      }
    }
    await Deno.remove(folder, { recursive: true });
  },
});
