import assert from "node:assert/strict";
import { hasPrograms, hasShared, needs, sharedPath, sharedTest } from "#testing/shared.ts";
import { decodeAudio, openAudio } from "@vcs/media/audio";
import { MediaError } from "@vcs/media/errors";
import { encodeWav, wavHeader } from "@vcs/media/wav";

const audioFile = (name: string) => sharedPath(`data/audio/${name}`);

async function ffmpeg(...args: string[]): Promise<void> {
  const { success } = await new Deno.Command("ffmpeg", { args: ["-v", "error", ...args] }).output();
  assert(success);
}

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
  await assert.rejects(decodeAudio(wide, { channels: 3 }), { code: "unsupported" });
});

for (const backend of ["node-av", "ffmpeg"] as const) {
  Deno.test({
    name: `openAudio() over ${backend} says when the sound of a film begins`,
    ...needs(hasPrograms("ffmpeg", "ffprobe")),
    async fn() {
      const folder = await Deno.makeTempDir();
      const film = `${folder}/film.mkv`;
      const sine = ["-itsoffset", "0.4", "-f", "lavfi", "-i", "sine=d=1"];
      const codecs = ["-c:v", "mpeg4", "-c:a", "pcm_s16le"];
      await ffmpeg("-f", "lavfi", "-i", "testsrc=d=1:s=32x32", ...sine, ...codecs, film);
      await using late = await openAudio(film, { backend });
      assert(Math.abs(late.startTime - 0.4) < 2e-3, `${late.startTime}`);
      await using plain = await openAudio(encodeWav([new Float32Array(8)], { sampleRate: 8000 }));
      assert.equal(plain.startTime, 0);
      await Deno.remove(folder, { recursive: true });
    },
  });
}

Deno.test("openAudio() says what is wrong with a source", async () => {
  await assert.rejects(openAudio("no/such/file.wav"), Deno.errors.NotFound);
  await assert.rejects(openAudio(new Uint8Array(4), { sampleRate: 0 }), RangeError);
  const noise = new TextEncoder().encode("no sound in here, and no image either");
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

/** A second of WAV header and samples, and then nothing, without an end. */
function stalled(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => controller.enqueue(bytes),
    pull: () => new Promise(() => {}),
  });
}

const second = encodeWav([new Float32Array(48000)], { sampleRate: 48000 });
const raw = { format: "s16", sampleRate: 48000, channels: 1 } as const;

Deno.test("openAudio() ends at an abort, whatever it waits for", async () => {
  const abort = new AbortController();
  const { signal } = abort;
  const head = openAudio(stalled(second.slice(0, 4)), { signal });
  const wav = await openAudio(stalled(second.slice(0, 2000)), { signal });
  const bare = await openAudio(stalled(second.slice(0, 2000)), { signal, raw });
  const loops = [wav, bare].map((audio) => Array.fromAsync(audio));
  setTimeout(() => abort.abort(new Error("enough")), 20);
  await assert.rejects(head, /enough/);
  for (const loop of loops) await assert.rejects(loop, /enough/);
});

Deno.test("openAudio() is closed while it waits: loops end, the source is released", async () => {
  for (const options of [{}, { raw }]) {
    let cancelled = false;
    const source = stalled(second.slice(0, 2000)).pipeThrough(
      new TransformStream({ cancel: () => void (cancelled = true) }),
    );
    const audio = await openAudio(source, options);
    const begun = Promise.withResolvers<void>();
    let blocks = 0;
    const loop = (async () => {
      for await (const _ of audio) if (++blocks === 1) begun.resolve();
    })();
    await begun.promise;
    await audio[Symbol.asyncDispose]();
    await loop;
    assert.equal(blocks, 1);
    assert(cancelled);
  }
});

/**
 * Files that this process holds open below a folder, and temporary files of this package of one
 * size: those of other sizes are of tests that run beside this one.
 */
function held(folder: string, size: number): string[] {
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      const path = Deno.readLinkSync(`/proc/self/fd/${name}`);
      const isOurs = path.includes("vcs-media-") &&
        Deno.statSync(`/proc/self/fd/${name}`).size === size;
      return isOurs || path.startsWith(folder) ? [path] : [];
    } catch {
      return [];
    }
  });
}

for (const backend of ["node-av", "ffmpeg"] as const) {
  Deno.test({
    name: `openAudio() over ${backend} holds nothing once it is closed, also before it was read`,
    ...needs(hasPrograms("ffmpeg", "ffprobe"), Deno.build.os === "linux"),
    fn: async () => {
      const folder = await Deno.makeTempDir();
      try {
        await ffmpeg("-f", "lavfi", "-i", "sine=d=1", "-ac", "2", `${folder}/a.flac`);
        await Deno.writeFile(`${folder}/a.wav`, second);
        const flac = await Deno.readFile(`${folder}/a.flac`);
        for (const source of [`${folder}/a.flac`, `${folder}/a.wav`, flac]) {
          const unread = await openAudio(source, { backend });
          await unread[Symbol.asyncDispose]();
          const left = await openAudio(source, { backend });
          for await (const _ of left) break;
          await assert.rejects(openAudio(source, { backend, channels: 7, sampleRate: 1 }), {
            code: "unsupported",
          });
        }
        assert.deepEqual(held(folder, flac.length), []);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });

  Deno.test({
    name: `openAudio() over ${backend} follows sound that changes its channels and rate midway`,
    ...needs(hasPrograms("ffmpeg", "ffprobe")),
    fn: async () => {
      const folder = await Deno.makeTempDir();
      try {
        const parts: Uint8Array<ArrayBuffer>[] = [];
        for (const [channels, rate] of [[2, 44100], [1, 44100], [2, 22050]]) {
          const path = `${folder}/${channels}-${rate}.mp3`;
          const sine = `sine=f=440:d=1:r=${rate}`;
          const plain = ["-write_xing", "0", "-id3v2_version", "0"];
          await ffmpeg("-f", "lavfi", "-i", sine, "-ac", `${channels}`, ...plain, path);
          parts.push(await Deno.readFile(path));
        }
        const mp3 = await new Blob(parts).bytes();
        const wanted = { sampleRate: 44100, channels: 1 };
        const { channels: [mono] } = await decodeAudio(mp3, { backend, ...wanted });
        assert(Math.abs(mono!.length - 3 * 44100) < 0.15 * 44100, `${mono!.length} samples`);
        for (const at of [0.5, 1.5, 2.5]) {
          const half = mono!.subarray((at - 0.25) * 44100, (at + 0.25) * 44100);
          const rises = half.filter((x, i) => i > 0 && half[i - 1]! < 0 && x >= 0).length;
          assert(Math.abs(rises - 220) < 4, `${rises} periods in half a second at ${at} s`);
        }
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

Deno.test("openAudio() refuses broken WAV that has no end", async () => {
  const broken = second.slice();
  broken[22] = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(broken),
  });
  await assert.rejects(openAudio(endless), { name: "MediaError", code: "invalid-media" });
});

Deno.test({
  name: "openAudio() over ffmpeg gives nothing after an abort between opening and reading",
  ...needs(hasPrograms("ffmpeg", "ffprobe")),
  fn: async () => {
    const path = await Deno.makeTempFile({ suffix: ".flac" });
    try {
      await ffmpeg("-y", "-f", "lavfi", "-i", "sine=d=1", path);
      const abort = new AbortController();
      const audio = await openAudio(path, { backend: "ffmpeg", signal: abort.signal });
      abort.abort(new Error("enough"));
      await assert.rejects(async () => {
        for await (const _ of audio) assert.fail("a chunk came");
      }, /enough/);
    } finally {
      await Deno.remove(path);
    }
  },
});

Deno.test("openAudio() refuses a rate that cannot be resampled in bounded time", async () => {
  for (const rate of [4_294_967_291, 1_000_003, 1]) {
    const wav = new Blob([wavHeader({ sampleRate: rate }, 1), new Uint8Array(20)]).stream();
    const opening = openAudio(wav, { sampleRate: 24000 });
    await assert.rejects(opening, { name: "MediaError", code: "unsupported" });
  }
});

Deno.test({
  name: "openAudio() leaves WAV of other codecs to FFmpeg",
  ...needs(hasPrograms("ffmpeg", "ffprobe")),
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      for (const codec of ["pcm_mulaw", "adpcm_ima_wav", "pcm_s64le"]) {
        const path = `${folder}/${codec}.wav`;
        // Longer than what is read ahead of it.
        await ffmpeg("-f", "lavfi", "-i", "sine=d=60:r=8000", "-c:a", codec, path);
        const [expected] = await byFfmpeg(path, 1);
        for (const source of [path, await Deno.readFile(path), (await Deno.open(path)).readable]) {
          await using audio = await openAudio(source, { backend: "ffmpeg" });
          assert.equal(audio.codec, codec);
          const chunks = await Array.fromAsync(audio, ([mono]) => mono!);
          assertNear(new Float32Array(await new Blob(chunks).arrayBuffer()), expected!, 0);
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** A WAV file with its chunks in another order, or with another one among them. */
function rearranged(order: (format: Uint8Array, data: Uint8Array) => Uint8Array[]) {
  const samples = Float32Array.from({ length: 4000 }, (_, i) => Math.sin(i / 9) / 2);
  const wav = encodeWav([samples], { sampleRate: 8000 });
  const chunks = order(wav.subarray(12, 36), wav.subarray(36)) as BlobPart[];
  return new Blob([wav.subarray(0, 12), ...chunks]);
}

Deno.test({
  name: "decodeAudio() has FFmpeg read WAV with a late format or a large chunk before its samples",
  ...needs(hasPrograms("ffmpeg", "ffprobe")),
  fn: async () => {
    const large = new Uint8Array(8 + (1 << 21));
    large.set(new TextEncoder().encode("junk"));
    new DataView(large.buffer).setUint32(4, 1 << 21, true);
    const plain = await decodeAudio(rearranged((format, data) => [format, data]).stream());
    for (const backend of ["node-av", "ffmpeg"] as const) {
      for (const order of [[1, 0], [0, 2, 1]]) {
        const file = rearranged((...parts) => order.map((at) => [...parts, large][at]!));
        const bytes = new Uint8Array(await file.arrayBuffer());
        for (const source of [bytes, file.stream()]) {
          const { channels } = await decodeAudio(source, { backend });
          assert.deepEqual(channels, plain.channels, `${order} over ${backend}`);
        }
      }
    }
  },
});

Deno.test("decodeAudio() holds as many bytes of samples as are allowed", async () => {
  const file = encodeWav([new Float32Array(1000), new Float32Array(1000)], { sampleRate: 8000 });
  await assert.rejects(decodeAudio(file, { maxBytes: 7999 }), { code: "limit" });
  const { channels: [left] } = await decodeAudio(file, { maxBytes: 8000 });
  assert.equal(left!.length, 1000);
});

Deno.test("openAudio() refuses WAV files of more channels than there can be", async () => {
  const file = encodeWav([new Float32Array(1000)], { sampleRate: 8000 });
  const view = new DataView(file.buffer);
  view.setUint16(22, 513, true);
  view.setUint16(32, 513 * 2, true);
  await assert.rejects(openAudio(file, { backend: "node-av" }), MediaError);
});
