/**
 * How near vq-tiny comes to its source beside ordinary codecs at no more bytes, on the clips that
 * were kept out of its training: `[SIDE…]`, 128 and 256 unless asked otherwise. Writes
 * `bench/results/video-vq_codecs.json` and the table in the package's README.
 *
 * Bytes are payloads of version 2 with their heads on one side, elementary streams on the other. Packed
 * windows are keys, each of them, so the codecs have a key frame every 17 frames beside them; range
 * coded ones build on each other, and there the codecs have one key frame.
 *
 * @module
 */
import { hasPrograms, sharedPath } from "#testing/shared.ts";
import { atMostBytes, CODECS, type Frames, psnrOf } from "../apps/demo/equal_bytes.ts";
import { openSource, type WindowDecoder, type WindowEncoder } from "@vcs/video-vq";
import { FrameFitter } from "@vcs/video-vq/internal";
import { openDecoder, openEncoder } from "@vcs/video-vq/models";
import { VideoReceiver } from "@vcs/video-vq/receive";
import { VideoSender } from "@vcs/video-vq/send";
import { say } from "@vcs/transport/internal";
import { memoryChannel } from "@vcs/transport/channel";

const CLIPS = [
  "bear_vp9.webm",
  "bottle_static_40s.mp4",
  "fades_mpeg4.mp4",
  "nasa_13013_multistream_h264.mp4",
  "roadtrip_vp9_10bit.webm",
  "webcam_2byteNAL.mp4",
];
/** Windows of a clip at each size. */
const WINDOWS: Readonly<Record<number, number>> = { 128: 6, 256: 2 };
const PAYLOADS = [["packed", 17], ["range", 9999]] as const;
const RESULTS = new URL("results/video-vq_codecs.json", import.meta.url);
const README = new URL("../packages/video-vq/README.md", import.meta.url);

interface Row {
  readonly clip: string;
  readonly side: number;
  readonly payload: string;
  readonly frames: number;
  readonly bytes: number;
  readonly psnr: number;
  /** PSNR of each codec; null where its coarsest quality takes more bytes. */
  readonly codecs: Readonly<Record<string, number | null>>;
}

/** The first windows of a clip; frames of a last one that would not be full are left out. */
async function read(clip: string, side: number): Promise<Frames> {
  await using source = await openSource(sharedPath(`data/video/${clip}`));
  const fitter = new FrameFitter({ width: side, height: side, resize: "area" });
  const frames: Uint8Array[] = [];
  for await (const frame of source.frames) {
    frames.push(fitter.fit(frame));
    if (frames.length === WINDOWS[side]! * 17) break;
  }
  const whole = frames.slice(0, frames.length - frames.length % 17);
  return { frames: whole, width: side, height: side, rate: source.frameRate.join("/") };
}

interface Codec {
  readonly encoder: WindowEncoder;
  readonly decoder: WindowDecoder;
}

async function tokens(
  { encoder, decoder }: Codec,
  { frames, width, height, rate }: Frames,
  payload: "packed" | "range",
) {
  const [numerator, denominator] = rate.split("/").map(Number) as [number, number];
  const duration = denominator / numerator;
  const timed = async function* () {
    for (const [i, data] of frames.entries()) {
      yield { width, height, data, pts: i * duration, duration };
    }
  };
  const { sender, receiver } = memoryChannel();
  const options = { width, height, frameRate: [numerator, denominator] as const, payload };
  const sending = new VideoSender(encoder, sender, { ...options, windowVersion: 2, keyEvery: 9999 })
    .run(timed());
  const received = new VideoReceiver(receiver, decoder).frames();
  const copies = await Array.fromAsync(received, ({ data }) => data.slice());
  return { bytes: (await sending).bytes, copies };
}

async function compare(codec: Codec, clip: string, side: number): Promise<Row[]> {
  const source = await read(clip, side);
  const rows: Row[] = [];
  for (const [payload, key] of PAYLOADS) {
    const { bytes, copies } = await tokens(codec, source, payload);
    const codecs: Record<string, number | null> = {};
    for (const other of CODECS) {
      codecs[other.name] = (await atMostBytes(source, other, bytes, key))?.psnr ?? null;
    }
    const psnr = psnrOf(source, copies);
    rows.push({ clip, side, payload, frames: source.frames.length, bytes, psnr, codecs });
    say(JSON.stringify(rows.at(-1)));
  }
  return rows;
}

/** The table as Markdown. */
function table(rows: readonly Row[]): string {
  const names = CODECS.map(({ name }) => name);
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  const head = ["clip", "side", "tokens", "frames", "bytes", "PSNR, dB", ...names];
  return [
    line(head),
    line(head.map(() => "---")),
    ...rows.map(({ clip, side, payload, frames, bytes, psnr, codecs }) =>
      line([
        ...[clip, side, payload === "range" ? "range coded" : "packed", frames, bytes],
        psnr.toFixed(1),
        ...names.map((name) => codecs[name]?.toFixed(1) ?? "more bytes"),
      ])
    ),
  ].join("\n");
}

/** Rows of an earlier run. */
async function recorded(): Promise<Row[]> {
  const text = await Deno.readTextFile(RESULTS).catch(() => "[]");
  return JSON.parse(text) as Row[];
}

/** Puts rows into the record, and the record into the README. */
async function record(rows: readonly Row[]): Promise<void> {
  const key = ({ clip, side, payload }: Row) => `${side} ${clip} ${payload}`;
  const all = new Map([...await recorded(), ...rows].map((row) => [key(row), row]));
  const sorted = [...all.values()].sort((a, b) => a.side - b.side || (key(a) < key(b) ? -1 : 1));
  await Deno.writeTextFile(RESULTS, `${JSON.stringify(sorted, undefined, 2)}\n`);
  const text = await Deno.readTextFile(README);
  const marks = /(<!-- codecs -->)[^]*?(<!-- \/codecs -->)/;
  await Deno.writeTextFile(README, text.replace(marks, `$1\n\n${table(sorted)}\n\n$2`));
}

if (import.meta.main) {
  if (!hasPrograms("ffmpeg")) throw new Error("ffmpeg is needed, with x264, x265 and SVT-AV1");
  const sides = Deno.args.length > 0 ? Deno.args.map(Number) : Object.keys(WINDOWS).map(Number);
  for (const side of sides) {
    const size = { frames: 17, height: side, width: side };
    using encoder = await openEncoder("vq-tiny", { size });
    using decoder = await openDecoder("vq-tiny", { size });
    for (const clip of CLIPS) await record(await compare({ encoder, decoder }, clip, side));
  }
}
