import assert from "node:assert/strict";
import { hasPrograms, hasShared, needs, sharedPath, sharedTest } from "#testing/shared.ts";
import { decodeAudio, openAudio } from "@vcs/media/audio";
import { MediaError } from "@vcs/media/errors";
import { encodeWav } from "@vcs/media/wav";

const audioFile = (name: string) => sharedPath(`data/audio/${name}`);

/** What the ffmpeg program makes of a file, one array per channel. */
async function byFfmpeg(path: string, channels: number): Promise<Float32Array[]> {
  const args = ["-v", "error", "-i", path, "-f", "f32le", "pipe:1"];
  const { stdout } = await new Deno.Command("ffmpeg", { args }).output();
  const samples = new Float32Array(stdout.slice().buffer);
  return Array.from(
    { length: channels },
    (_, c) => samples.filter((_, i) => i % channels === c),
  );
}

function assertNear(actual: Float32Array, expected: Float32Array, tolerance: number): void {
  assert.equal(actual.length, expected.length);
  const worst = actual.reduce((worst, x, i) => Math.max(worst, Math.abs(x - expected[i]!)), 0);
  assert(worst <= tolerance, `differs by up to ${worst}`);
}

const FILES = [
  ["encodec_test_24k.wav", 24000, 1],
  ["encodec_test_48k.wav", 48000, 2],
  ["pcm_u8_44k.wav", 44100, 1],
  ["wav_extensible_f32_6ch.wav", 48000, 6],
  ["jfk_44k_stereo.flac", 44100, 2],
] as const;

for (const backend of ["node-av", "ffmpeg"] as const) {
  Deno.test({
    name: `decodeAudio() over ${backend} gives ffmpeg's samples of every kind of file`,
    ...needs(hasShared, hasPrograms("ffmpeg", "ffprobe")),
    fn: async (t) => {
      for (const [file, sampleRate, channels] of FILES) {
        await t.step(file, async () => {
          const audio = await decodeAudio(audioFile(file), { backend });
          assert.equal(audio.sampleRate, sampleRate);
          assert.equal(audio.channels.length, channels);
          const expected = await byFfmpeg(audioFile(file), channels);
          for (const [i, samples] of audio.channels.entries()) assertNear(samples, expected[i]!, 0);
        });
      }
    },
  });

  Deno.test({
    name: `decodeAudio() over ${backend} reads MP3, sound of video, and bytes`,
    ...needs(hasShared, hasPrograms("ffmpeg", "ffprobe")),
    fn: async () => {
      const folder = await Deno.makeTempDir();
      try {
        const mp3 = `${folder}/sound.mp3`;
        const args = ["-v", "error", "-f", "lavfi", "-i", "sine=440:d=1", mp3];
        await new Deno.Command("ffmpeg", { args }).output();
        const expected = await byFfmpeg(mp3, 1);
        const audio = await decodeAudio(await Deno.readFile(mp3), { backend });
        assertNear(audio.channels[0]!, expected[0]!, 1e-4);
        const video = sharedPath("data/video/car_static_cam_h264baseline_12fps.mp4");
        const sound = await decodeAudio(video, { backend, channels: 1 });
        assert(sound.channels[0]!.length > sound.sampleRate * 25);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

sharedTest("openAudio() resamples and mixes as it goes, without growing", async () => {
  await using audio = await openAudio(audioFile("jfk_44k_stereo.flac"), {
    sampleRate: 24000,
    channels: 1,
  });
  assert.deepEqual([audio.sourceSampleRate, audio.sourceChannels], [44100, 2]);
  let [total, largest] = [0, 0];
  for await (const [mono] of audio) {
    total += mono!.length;
    largest = Math.max(largest, mono!.length);
  }
  assert.equal(total, Math.ceil(11 * 24000));
  assert(largest < 24000, `a chunk of ${largest} samples`);
});

Deno.test("openAudio() reads a live WAV stream before its end", async () => {
  const head = encodeWav([new Float32Array(100)], { sampleRate: 24000, format: "f32" });
  new DataView(head.buffer).setUint32(40, 0xffffffff, true);
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  writer.write(head).catch(() => {});
  await using audio = await openAudio(readable);
  const first = await audio[Symbol.asyncIterator]().next();
  assert.equal(first.value![0]!.length, 100);
});

Deno.test("openAudio() reads bare PCM", async () => {
  const samples = Int16Array.from([0, 16384, -32768, 8192]);
  const bytes = new Uint8Array(samples.buffer);
  const raw = { format: "s16", sampleRate: 16000, channels: 2 } as const;
  const source = ReadableStream.from([bytes.slice(0, 3), bytes.slice(3)]);
  const audio = await decodeAudio(source, { raw });
  assert.deepEqual(audio.channels.map((c) => [...c]), [[0, -1], [0.5, 0.25]]);
});

Deno.test("decodeAudio() spreads one channel and averages many", async () => {
  const mono = encodeWav([Float32Array.from([0.5])], { sampleRate: 8000, format: "f32" });
  const stereo = await decodeAudio(mono, { channels: 2 });
  assert.deepEqual(stereo.channels.map((c) => [...c]), [[0.5], [0.5]]);
  const six = Array.from({ length: 6 }, (_, i) => Float32Array.from([i / 8]));
  const wide = encodeWav(six, { sampleRate: 8000, format: "f32" });
  assert.deepEqual([...(await decodeAudio(wide, { channels: 1 })).channels[0]!], [2.5 / 8]);
  await assert.rejects(decodeAudio(wide, { channels: 2 }), { code: "unsupported" });
});

Deno.test("openAudio() says what is wrong with a source", async () => {
  await assert.rejects(openAudio("no/such/file.wav"), Deno.errors.NotFound);
  await assert.rejects(openAudio(new Uint8Array(4), { sampleRate: 0 }), RangeError);
  const noise = new TextEncoder().encode("no sound in here, and no picture either");
  for (const backend of ["node-av", "ffmpeg"] as const) {
    const error = await openAudio(noise, { backend }).catch((error: unknown) => error);
    assert(error instanceof MediaError);
    assert(["invalid-media", "no-backend"].includes(error.code), error.code);
  }
});

sharedTest("openAudio() refuses a video without sound", async () => {
  const silent = sharedPath("data/video/cps_demo_1080p_h264_bframes.mp4");
  await assert.rejects(openAudio(silent), { code: "no-audio-stream" });
});

sharedTest("openAudio() stops at an abort", async () => {
  const abort = new AbortController();
  const audio = await openAudio(audioFile("encodec_test_48k.wav"), { signal: abort.signal });
  await assert.rejects(async () => {
    for await (const _ of audio) abort.abort(new Error("enough"));
  }, /enough/);
});
