/** Readers of encodec-stream and video-vq. */
import { type Codes, decodeCodes, Decoder, encodeCodes, readCodes } from "@vcs/encodec-stream";
import { EcdcReader, formatHeader, parseHeader } from "@vcs/encodec-stream/ecdc";
import { packCodes } from "@vcs/encodec-stream/internal";
import { concatBytes } from "@vcs/transport/internal";
import { memoryChannel } from "@vcs/transport/channel";
import { message } from "@vcs/transport/message";
import { tensor } from "@vcs/transport/tensor";
import {
  decodeWindow,
  encodeWindow,
  openDecoder,
  openSource,
  TokenDecoder,
  VideoReceiver,
} from "@vcs/video-vq";
import { syntheticCheckpoint } from "../../packages/video-vq/official/synthetic.ts";
import { packedSize } from "../../packages/video-vq/stream/tokens.ts";
import { ODD_WINDOWS } from "../../packages/video-vq/testing/hostile.ts";
import { mjpeg8k, vp8 } from "./media_files.ts";
import { drain, type File, LONG_HEADER, type Reader, text } from "./reader.ts";
import { BOMBS } from "./tensors.ts";

/** An `.ecdc` header with a JSON. */
function ecdc(json: string): Uint8Array<ArrayBuffer> {
  const bytes = text(`ECDC\0\0\0\0\0${json}`);
  new DataView(bytes.buffer).setUint32(5, bytes.length - 9);
  return bytes;
}

const PLAIN = '{"m":"encodec_24khz","al":0,"nc":2,"lm":false';
const LISTS: File = () => ecdc(`${PLAIN},"t":[`.padEnd(16_000_000, "[],"));
/** A file that promises ages and holds a kilobyte. */
const AGES: File = () =>
  concatBytes([
    ecdc(PLAIN.replace('"al":0', `"al":${Number.MAX_SAFE_INTEGER - 1}`) + "}"),
    new Uint8Array(1024),
  ]);

/** A file of seconds, at two codebooks. */
function song(model: "encodec_24khz" | "encodec_tiny_24khz", seconds: number): Uint8Array {
  const frames = seconds * 75;
  const header = formatHeader({ model, samples: frames * 320, codebooks: 2 });
  return concatBytes([header, packCodes(new Uint16Array(2 * frames))]);
}

/** Codes of a file of hours. */
function manyCodes(): Codes {
  const samples = 320 * 1_000_000;
  return {
    fields: { model: "encodec_24khz", samples, codebooks: 2 },
    codes: tensor("I32", [2, 1_000_000]),
    scales: undefined,
  };
}

let tinyDecoder: Promise<Decoder> | undefined;
let tinyVideo: ReturnType<typeof openDecoder> | undefined;

/** The payload of a window that a name of the hostile ones has. */
const odd = (name: string): File => () =>
  ODD_WINDOWS.find((window) => window.name === name)!.message.payload as Uint8Array<ArrayBuffer>;

/** Windows of those who mean harm. */
export const ODD: Readonly<Record<string, File>> = Object.fromEntries(
  ["a latent of 400x400", "100 latent frames", "2^26 bits, range coded", "255 valid frames"]
    .map((name) => [name, odd(name)]),
);

/** A window of 17 frames of a size, that of its latent. */
export function largeWindow(side: number): Uint8Array<ArrayBuffer> {
  const shape = { channels: 18, frames: 5, height: side, width: side };
  return encodeWindow({
    tokens: { shape, packed: new Uint8Array(packedSize(shape)) },
    ...{ validFrames: 17, width: 8 * side, height: 8 * side, frameRate: [25, 1] },
    times: Array.from({ length: 18 }, (_, i) => i / 25),
    ...{ capturedAt: 0, encodeSeconds: 0, sentAt: 0 },
  });
}

/** Receives one window; a damaged one is counted and left out. */
async function receive(payload: Uint8Array<ArrayBuffer>): Promise<void> {
  tinyVideo ??= openDecoder("vq-tiny", { device: "cpu", threads: 1 });
  const { sender, receiver } = memoryChannel(1);
  const video = new VideoReceiver(receiver, await tinyVideo, { force: true });
  void sender.send(message(payload, { key: true, end: true, streamId: "00000000000000aa" }));
  await drain(video.windows());
  if (video.statistics.damaged > 0) throw Object.assign(new Error("damaged"), { code: "damaged" });
}

/** Readers of this kind. */
export const READERS: readonly Reader[] = [
  {
    name: "parseHeader",
    group: "little",
    read: (bytes) => parseHeader(bytes),
    hostile: { "16 MB of lists": LISTS },
    honest: () => ecdc(`${PLAIN},"n":"${"x".repeat(900_000)}"}`),
    out: 1,
  },
  {
    name: "EcdcReader",
    group: "little",
    async read(_, path) {
      await using reader = await EcdcReader.open(path);
      await drain(reader.blocks());
    },
    hostile: { "16 MB of lists": LISTS, "ages of audio": AGES },
    ends: /^(limit|truncated)$/,
    honest: () => song("encodec_24khz", 20_000),
    out: 0,
  },
  {
    name: "readCodes",
    group: "little",
    async read(_, path) {
      await using reader = await EcdcReader.open(path);
      await readCodes(reader);
    },
    hostile: { "16 MB of lists": LISTS, "ages of audio": AGES },
    ends: /^(limit|truncated)$/,
    honest: () => song("encodec_24khz", 20_000),
    out: 12,
  },
  {
    name: "decodeCodes",
    read: decodeCodes,
    hostile: { "more than 16 MiB": LONG_HEADER },
    honest: () => encodeCodes(manyCodes()),
    out: 8,
  },
  {
    name: "Decoder",
    async read(bytes) {
      tinyDecoder ??= Decoder.open("encodec_tiny_24khz", { device: "cpu", threads: 1 });
      const decoder = await tinyDecoder;
      await using reader = await EcdcReader.open(bytes);
      await drain(decoder.decode(reader));
    },
    hostile: {
      "ages of audio": async () =>
        text(
          new TextDecoder("latin1").decode(await AGES()).replace(
            "encodec_24khz",
            "encodec_tiny_24khz",
          ),
        ),
    },
    ends: /^(truncated|bad-header)$/,
    honest: () => song("encodec_tiny_24khz", 20),
    out: 1,
  },
  {
    name: "VideoReceiver",
    // What vq-tiny computes with: about 130 bytes a pixel of the window.
    work: 150,
    read: receive,
    hostile: ODD,
    ends: /^damaged$/,
    honest: () => largeWindow(32),
    out: 17 * 256 * 256 * 3 / 2 ** 20,
  },
  {
    name: "decodeWindow",
    group: "little",
    read: (bytes) => decodeWindow(bytes, 0, new TokenDecoder()),
    hostile: ODD,
    ends: /^bad-window$/,
    honest: () => largeWindow(128),
    out: 1,
  },
  {
    name: "TokenDecoder",
    group: "little",
    read: (bytes) =>
      new TokenDecoder().decode(bytes, { channels: 18, frames: 5, height: 128, width: 128 }, true),
    hostile: { "a few bytes for many signs": () => new Uint8Array(10).fill(255) },
    ends: /^read$/,
    honest: () => new Uint8Array(180_000),
    out: 1,
  },
  {
    name: "openDecoder",
    read: async (_, path) => {
      using _decoder = await openDecoder(path, { device: "cpu" });
    },
    budget: 128,
    hostile: { dictionaries: BOMBS.dictionaries },
    isApart: true,
    honest: () => syntheticCheckpoint(),
    out: 0,
  },
  {
    name: "openSource, of video-vq",
    async read(_, path) {
      await using source = await openSource(path);
      await drain(source.frames);
    },
    hostile: { "a large video": () => vp8(16_383, 16_383, 20) },
    honest: () => mjpeg8k(2),
    out: 100,
  },
];
