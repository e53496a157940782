import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { hasPrograms, needs } from "#testing/shared.ts";
import { decodeAudio } from "@vcs/media/audio";
import { VideoReader } from "@vcs/media/video_reader";
import { VideoWriter } from "@vcs/media/video_writer";

async function withFile(suffix: string, use: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(`${folder}/video${suffix}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A frame of one colour. */
function plain(width: number, height: number, rgb: readonly number[]) {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = rgb[i % 3]!;
  return { data };
}

const COLOURS = [[200, 30, 30], [30, 200, 30], [30, 30, 200], [128, 128, 128]] as const;

const SIZES = [[".mp4", 96, 64, "h264"], [".mp4", 1280, 720, "h264"], [
  ".webm",
  97,
  63,
  "vp9",
]] as const;

for (const backend of ["node-av", "ffmpeg"] as const) {
  for (const [suffix, width, height, codec] of SIZES) {
    Deno.test({
      name: `VideoWriter() over ${backend} writes ${codec} of ${width}x${height} that reads back`,
      ...needs(backend === "node-av" || hasPrograms("ffmpeg", "ffprobe")),
      fn: () =>
        withFile(suffix, async (path) => {
          const options = { width, height, fps: 29.97, crf: 10, backend };
          await using writer = await VideoWriter.open(path, options);
          for (const colour of COLOURS) await writer.add(plain(width, height, colour));
          await writer.close();
          await using video = await VideoReader.open(path, { backend });
          assert.equal(video.info.codec, codec);
          assert.deepEqual([video.info.width, video.info.height], [width, height]);
          assert.equal(video.info.frameCount, COLOURS.length);
          assert(Math.abs(video.info.fps - 30000 / 1001) < 0.1, `${video.info.fps} fps`);
          assert.equal(video.info.colorMatrix, height >= 720 ? "bt709" : "smpte170m");
          for await (const { index, data } of video.frames()) {
            const middle = (Math.floor(height / 2) * width + Math.floor(width / 2)) * 3;
            for (const [i, value] of COLOURS[index]!.entries()) {
              assert(
                Math.abs(data[middle + i]! - value) <= 6,
                `frame ${index}: ${data[middle + i]}`,
              );
            }
          }
        }),
    });
  }
}

for (const backend of ["node-av", "ffmpeg"] as const) {
  const here = needs(backend === "node-av" || hasPrograms("ffmpeg", "ffprobe"));
  Deno.test({
    name: `VideoWriter() over ${backend} shows frames at their own times`,
    ...here,
    async fn() {
      const times = [0, 0.04, 0.041, 0.5, 1.234567, 3];
      for (const suffix of [".mp4", ".webm"]) {
        await withFile(suffix, async (path) => {
          const options = { width: 32, height: 32, fps: 25, timed: true, backend };
          await using writer = await VideoWriter.open(path, options);
          for (const pts of times) await writer.add({ ...plain(32, 32, [9, 9, 9]), pts });
          for (const pts of [3, undefined, NaN]) {
            await assert.rejects(
              writer.add({ ...plain(32, 32, [9, 9, 9]), ...(pts !== undefined && { pts }) }),
              RangeError,
            );
          }
          await writer.close();
          await using video = await VideoReader.open(path, { backend });
          const off = video.index.map(({ pts }, i) => Math.abs(pts - times[i]!));
          assert.equal(off.length, times.length);
          const most = suffix === ".mp4" ? 1.1e-6 : 1e-3;
          assert(Math.max(...off) <= most, `${suffix}: off by ${off}`);
        });
      }
    },
  });

  Deno.test({
    name: `VideoWriter() over ${backend} writes sound that lies where it was`,
    ...here,
    async fn() {
      const rate = 48000;
      for (const [suffix, channels] of [[".mp4", 2], [".webm", 1], [".mp4", 1]] as const) {
        await withFile(suffix, async (path) => {
          const audio = { sampleRate: rate, channels };
          const options = { width: 32, height: 32, fps: 10, audio, backend };
          await using writer = await VideoWriter.open(path, options);
          for (let i = 0; i < 20; i++) {
            await writer.add(plain(32, 32, [9, 9, 9]));
            // Silence with a tone from 1.0 to 1.1 s, in pieces that are no whole frames of a codec.
            const samples = new Float32Array(rate / 10);
            if (i === 10) samples.forEach((_, n) => samples[n] = 0.8 * Math.sin(n / 8));
            const cut = 1001;
            const left = Array(channels).fill(samples);
            await writer.addAudio(left.map((plane) => plane.subarray(0, cut)));
            await writer.addAudio(left.map((plane) => plane.subarray(cut)));
          }
          await writer.close();
          const { channels: planes, sampleRate } = await decodeAudio(path, { backend });
          assert.deepEqual([planes.length, sampleRate], [channels, rate]);
          for (const plane of planes) {
            assert(Math.abs(plane.length - 2 * rate) < 2048, `${plane.length} samples`);
            const first = plane.findIndex((sample) => Math.abs(sample) > 0.2) / rate;
            const last = plane.findLastIndex((sample) => Math.abs(sample) > 0.2) / rate;
            assert(Math.abs(first - 1) < 0.01 && Math.abs(last - 1.1) < 0.01, `${first} ${last}`);
          }
          await using video = await VideoReader.open(path, { backend });
          assert.equal(video.index.length, 20);
          // The delay of Opus is where an older FFmpeg has the file begin.
          const most = suffix === ".mp4" ? 1e-9 : 0.02;
          assert(Math.abs(video.index[10]!.pts - 1) <= most, `${video.index[10]!.pts}`);
        });
      }
    },
  });
}

Deno.test("VideoWriter() refuses sound that its codec has not, or that was not announced", () =>
  withFile(".mp4", async (path) => {
    const options = { width: 32, height: 32, fps: 10 };
    const open = (sampleRate: number, channels: number) =>
      VideoWriter.open(path, { ...options, audio: { sampleRate, channels } });
    await assert.rejects(open(44101, 1), /audio.sampleRate must be one of 8000, .*found 44101/);
    await assert.rejects(
      open(48000, 6),
      /audio.channels must be a whole number of 1 to 2, found 6/,
    );
    const silent = await VideoWriter.open(path, options);
    await assert.rejects(silent.addAudio([new Float32Array(1)]), TypeError);
    await silent.abort();
    const mono = await open(48000, 1);
    await assert.rejects(mono.addAudio([new Float32Array(1), new Float32Array(1)]), RangeError);
    await mono.abort();
  }));

Deno.test("VideoWriter() is the end of a pipe", () =>
  withFile(".mp4", async (path) => {
    const writer = await VideoWriter.open(path, { width: 32, height: 32, fps: 10 });
    const frames = Array.from({ length: 7 }, (_, i) => plain(32, 32, [i, i, i]));
    await ReadableStream.from(frames).pipeTo(writer.writable);
    assert.equal(writer.frames, 7);
    await using video = await VideoReader.open(path);
    assert.equal(video.info.frameCount, 7);
    await assert.rejects(writer.add(frames[0]!), { code: "closed" });
  }));

Deno.test("VideoWriter() sets key frames at least as often as asked for", () =>
  withFile(".mp4", async (path) => {
    const options = { width: 32, height: 32, fps: 10, keyframeInterval: 5 };
    await using writer = await VideoWriter.open(path, options);
    for (let i = 0; i < 12; i++) await writer.add(plain(32, 32, [i, 0, 0]));
    await writer.close();
    await using video = await VideoReader.open(path);
    const keys = video.index.flatMap(({ keyframe }, i) => keyframe ? [i] : []);
    const gaps = [...keys, 12].slice(1).map((key, i) => key - keys[i]!);
    assert(keys[0] === 0 && Math.max(...gaps) <= 5, `key frames at ${keys}`);
  }));

Deno.test("VideoWriter() refuses options out of range before it starts", async () => {
  const open = (options: object) =>
    VideoWriter.open("never.mp4", { width: 32, height: 32, fps: 25, ...options });
  await assert.rejects(open({ width: 0 }), /width must be a whole number of 1 to 16384, found 0/);
  await assert.rejects(open({ width: 33 }), /MP4 needs even width and height, found 33x32/);
  await assert.rejects(open({ fps: 0 }), /fps must be between/);
  await assert.rejects(open({ fps: NaN }), RangeError);
  await assert.rejects(open({ crf: 52 }), /crf must be a whole number of 0 to 51/);
  await assert.rejects(open({ format: "gif" as "mp4" }), TypeError);
});

for (const backend of ["node-av", "ffmpeg"] as const) {
  Deno.test({
    name: `VideoWriter() over ${backend} says when it cannot write`,
    ...needs(backend === "node-av" || hasPrograms("ffmpeg", "ffprobe")),
    fn: async () => {
      const options = { width: 32, height: 32, fps: 25, backend };
      await assert.rejects(async () => {
        const writer = await VideoWriter.open("/no/such/folder/video.mp4", options);
        for (let i = 0; i < 500; i++) await writer.add(plain(32, 32, [0, 0, 0]));
        await writer.close();
      }, { code: "encode-failed" });
    },
  });
}

Deno.test("VideoWriter() refuses frames of the wrong size, and a video without frames", () =>
  withFile(".mp4", async (path) => {
    const writer = await VideoWriter.open(path, { width: 32, height: 32, fps: 25 });
    await assert.rejects(writer.add({ data: new Uint8Array(5) }), /needs 3072 bytes, found 5/);
    await assert.rejects(writer.close(), /there were no frames/);
    await writer.close();
  }));

Deno.test("VideoWriter() leaves nothing behind when it gives up", () =>
  withFile(".mp4", async (path) => {
    const writer = await VideoWriter.open(path, { width: 32, height: 32, fps: 25 });
    await writer.add(plain(32, 32, [1, 2, 3]));
    await writer.abort();
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  }));

for (const backend of ["node-av", "ffmpeg"] as const) {
  Deno.test({
    name: `VideoWriter() over ${backend} may be closed twice at once`,
    ...needs(backend === "node-av" || hasPrograms("ffmpeg", "ffprobe")),
    fn: () =>
      withFile(".mp4", async (path) => {
        const writer = await VideoWriter.open(path, { width: 32, height: 32, fps: 25, backend });
        for (let i = 0; i < 5; i++) await writer.add(plain(32, 32, [i, i, i]));
        const both = await Promise.allSettled([writer.close(), writer.close()]);
        assert.deepEqual(both.map(({ status }) => status), ["fulfilled", "fulfilled"]);
        await writer.close();
        await using video = await VideoReader.open(path, { backend });
        assert.equal((await Array.fromAsync(video.frames())).length, 5);
      }),
  });

  Deno.test({
    name: `VideoWriter() and VideoReader() over ${backend} take paths that look like others`,
    ...needs(backend === "node-av" || hasPrograms("ffmpeg", "ffprobe")),
    // In a process of its own, because only there the working folder is.
    fn: () =>
      withFile("", async (path) => {
        const url = (file: string) => JSON.stringify(import.meta.resolve(file));
        const code = `
          import { VideoReader } from ${url("./video_reader.ts")};
          import { VideoWriter } from ${url("./video_writer.ts")};
          const backend = "${backend}";
          for (const name of ["12:30.mp4", "-x.mp4"]) {
            const writer = await VideoWriter.open(name, { width: 32, height: 32, fps: 25, backend });
            await writer.add({ data: new Uint8Array(32 * 32 * 3) });
            await writer.close();
            await using video = await VideoReader.open(name, { backend });
            console.log(name, (await video.frameAt(0)).index);
          }`;
        const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
        const args = ["eval", "--config", config, "--ext=ts", code];
        const command = new Deno.Command(Deno.execPath(), { args, cwd: dirname(path) });
        const { stdout, stderr } = await command.output();
        const [said, complained] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
        assert.equal(said, "12:30.mp4 0\n-x.mp4 0\n", complained);
      }),
  });
}
