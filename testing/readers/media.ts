/** Readers of images, video and audio. */
import { decodeAudio, openAudio } from "@vcs/media/audio";
import { openLive } from "@vcs/media";
import { decodeImage, encodePng } from "@vcs/media/image";
import { MjpegReader } from "@vcs/media/mjpeg";
import { VideoReader } from "@vcs/media/video_reader";
import { openWav } from "@vcs/media/wav";
import { bmp, manyChannels, mjpeg8k, png, silence, vp8, wav } from "./media_files.ts";
import { drain, type Reader, streamOf } from "./reader.ts";

const HUGE_IMAGES = {
  "a high picture": () => png(6, 8_388_614),
  "a large picture": () => png(9000, 9000),
  "a large BMP": () => bmp(15_000, 15_000),
};
const LARGE_IMAGE = () =>
  encodePng({ width: 6000, height: 4000, data: new Uint8Array(72_000_000) });

/** Frames of 268 million pixels in a kilobyte each. */
const HUGE_VIDEO = {
  "a large video": () => vp8(16_383, 16_383, 20),
  "a video that grows": () => vp8(16_383, 16_383, 20, 64),
};

/** Hands the bytes out as a live source. */
async function live(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(bytes),
  );
  const url = `http://127.0.0.1:${server.addr.port}/live.ts`;
  await using stream = await openLive(url, { retries: 0 });
  for await (const _ of stream.frames) break;
}

/** Readers of this kind. */
export const READERS: readonly Reader[] = [
  ...[{}, { acceptDamaged: true }].map((options) => ({
    name: `decodeImage, ${JSON.stringify(options)}`,
    group: "images",
    read: (bytes: Uint8Array<ArrayBuffer>) => decodeImage(bytes, options),
    hostile: HUGE_IMAGES,
    honest: LARGE_IMAGE,
    out: 72,
  })),
  {
    name: "MjpegReader",
    read(bytes) {
      const reader = new MjpegReader();
      for (let at = 0; at < bytes.length; at += 65536) {
        for (const _ of reader.push(bytes.subarray(at, at + 65536)));
      }
      for (const _ of reader.end());
    },
    // A frame of at most 32 MiB, in a buffer that doubles.
    budget: 96,
    hostile: {
      "a frame without an end": () => {
        const bytes = new Uint8Array(40 << 20).fill(1);
        bytes.set([0xff, 0xd8, 0xff, 0xda, 0, 2]);
        return bytes;
      },
      "a line without an end": () => new Uint8Array(8 << 20).fill(45),
    },
    ends: /^read$/,
    honest: () => {
      const bytes = new Uint8Array(31 << 20).fill(1);
      bytes.set([0xff, 0xd8, 0xff, 0xda, 0, 2]);
      bytes.set([0xff, 0xd9], bytes.length - 2);
      return bytes;
    },
    out: 31,
  },
  {
    name: "VideoReader",
    async read(_, path) {
      await using video = await VideoReader.open(path);
      await drain(video.frames());
    },
    hostile: { ...HUGE_VIDEO, "a picture as video": () => png(12_000, 12_000) },
    ends: /^(limit|decode-failed)$/,
    honest: () => mjpeg8k(2),
    out: 100,
  },
  {
    name: "openLive",
    read: live,
    hostile: HUGE_VIDEO,
    ends: /^(limit|connection-lost)$/,
    honest: () => mjpeg8k(2),
    out: 100,
  },
  {
    name: "openWav",
    read: async (bytes) => await drain((await openWav(streamOf(bytes))).chunks),
    hostile: { "32,767 channels": manyChannels, "a long header": () => wav(24, 36, 0x2020) },
    ends: /^unsupported$/,
    honest: () => wav(24),
    out: 1,
  },
  {
    name: "decodeAudio",
    read: (_, path) => decodeAudio(path, { maxBytes: 64 << 20 }),
    budget: 64,
    hostile: { "much silence": () => silence(15_000) },
    honest: () => wav(20),
    out: 40,
  },
  {
    name: "openAudio",
    read: async (_, path) => await drain(await openAudio(path)),
    hostile: { "much silence": () => silence(15_000), "32,767 channels": manyChannels },
    ends: /^(read|no-audio-stream)$/,
    honest: () => wav(24),
    out: 1,
  },
];
