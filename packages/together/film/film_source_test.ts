import { encodeWav } from "@vcs/media/wav";
import { VideoWriter } from "@vcs/media/video_writer";
import assert from "node:assert/strict";
import { hasPrograms, needs } from "#testing/shared.ts";
import { loudness, onsets } from "../testing/claps.ts";
import { openFilm } from "./film_source.ts";

const SHAPE = { sampleRate: 24_000, channels: 1 };

/** A second of pictures; and a second of sound whose first click is at a quarter. */
async function makeParts(folder: string): Promise<void> {
  await using video = await VideoWriter.open(`${folder}/mute.mp4`, {
    width: 32,
    height: 32,
    fps: 25,
  });
  for (let i = 0; i < 25; i++) await video.add({ data: new Uint8Array(32 * 32 * 3).fill(9 * i) });
  const sound = new Float32Array(24_000);
  sound.fill(0.5, 6000, 6500);
  await Deno.writeFile(`${folder}/sound.wav`, encodeWav([sound], { sampleRate: 24_000 }));
}

async function withParts(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await makeParts(folder);
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Seconds at which the sound of a film clicks. */
async function heard(...args: Parameters<typeof openFilm>): Promise<number[]> {
  await using film = await openFilm(...args);
  const chunks = await Array.fromAsync(film.sound!);
  const samples = Float32Array.from(chunks.flatMap(([plane]) => [...plane!]));
  return onsets(loudness(samples, 24_000), 0.2);
}

Deno.test("openFilm: a film without sound has none, another file's may be its sound", () =>
  withParts(async (folder) => {
    {
      await using film = await openFilm(`${folder}/mute.mp4`, SHAPE);
      assert.equal(film.sound, undefined);
      assert.equal((await Array.fromAsync(film.video.frames)).length, 25);
    }
    const named = { ...SHAPE, sound: `${folder}/sound.wav` };
    assert.deepEqual(await heard(`${folder}/mute.mp4`, named), [0.25]);
    const mute = { ...SHAPE, sound: `${folder}/mute.mp4` };
    await assert.rejects(openFilm(`${folder}/mute.mp4`, mute), /no audio stream/);
    await using film = await openFilm(`${folder}/mute.mp4`, { ...named, sound: false });
    assert.equal(film.sound, undefined);
  }));

for (const later of [0.4, 1.2, -0.1]) {
  Deno.test({
    name: `openFilm: sound that begins ${later} s after the pictures is heard so much later`,
    ...needs(hasPrograms("ffmpeg")),
    fn: () =>
      withParts(async (folder) => {
        const film = `${folder}/film.mkv`;
        const [pictures, sound] = later < 0 ? [-later, 0] : [0, later];
        const { success, stderr } = await new Deno.Command("ffmpeg", {
          args: [
            ...["-v", "error", "-itsoffset", `${pictures}`, "-i", `${folder}/mute.mp4`],
            ...["-itsoffset", `${sound}`, "-i", `${folder}/sound.wav`],
            ...["-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "pcm_s16le", film],
          ],
        }).output();
        assert.ok(success, new TextDecoder().decode(stderr));
        // The clock begins with whatever of the film does.
        const expected = 0.25 + Math.max(0, later);
        const [second] = await heard(film, SHAPE);
        assert.ok(Math.abs(second! - expected) < 0.002, `${second} s, expected ${expected}`);
      }),
  });
}
