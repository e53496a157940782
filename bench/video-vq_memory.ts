/**
 * What video-vq needs beside time: bytes a window on clips of the shared folder, the pipeline's
 * rate against its slowest stage alone, memory over an hour of stream. Prints JSON.
 *
 * The tokens are those of the checkpoint named by `$VIDEO_VQ_MODEL`, else of the reduced network
 * with random weights of the goldens.
 *
 * @module
 */
import { hasShared, sharedPath } from "#testing/shared.ts";
import { systemClock } from "@vcs/transport";
import { memoryChannel } from "@vcs/transport/channel";
import { openEncoder } from "@vcs/video-vq/models";
import { TokenEncoder } from "@vcs/video-vq";
import { VideoReceiver } from "@vcs/video-vq/receive";
import { VideoSender } from "@vcs/video-vq/send";
import { openSource, rawSource } from "@vcs/video-vq";
import type { WindowDecoder, WindowEncoder } from "@vcs/video-vq";
import type { Tokens } from "@vcs/video-vq";
import { type TimedFrame, windowsOf } from "@vcs/video-vq";

const CLIPS = [
  "bottle_static_40s.mp4",
  "car_static_cam_h264baseline_12fps.mp4",
  "vidtok_example_256.mp4",
  "carphone_pristine_qcif.mp4",
  "ucf101_makeup_mpeg4_asp.avi",
  "bikes_highmotion.mp4",
];
const WINDOWS = 8;
const round = (x: number, digits = 4) => Number(x.toPrecision(digits));
/** Mean bytes of a range coded window, and of one that is a key. */
async function bytesOf(clip: string, encoder: WindowEncoder) {
  await using source = await openSource(sharedPath(`data/video/${clip}`));
  const [running, alone] = [new TokenEncoder(), new TokenEncoder()];
  const total = { windows: 0, range: 0, key: 0 };
  for await (const window of windowsOf(source.frames, { width: 128, height: 128, tail: "drop" })) {
    const tokens = await encoder.encode(window);
    const { length } = tokens.packed;
    total.range += running.encode(tokens, total.windows === 0)?.length ?? length;
    total.key += alone.encode(tokens, true)?.length ?? length;
    if (++total.windows === WINDOWS) break;
  }
  const mean = (sum: number) => Math.round(sum / total.windows);
  return {
    clip,
    windows: total.windows,
    packed: 2880,
    range: mean(total.range),
    key: mean(total.key),
  };
}

/** A codec that takes time and no computing. */
class Sleeper implements WindowEncoder, WindowDecoder {
  readonly modelId = "00000000000000aa";
  readonly description = "sleeps";
  readonly latent = { channels: 18, frames: [5, 5], scale: 8 } as const;
  readonly #tokens: Tokens = {
    shape: { channels: 18, frames: 5, height: 16, width: 16 },
    packed: new Uint8Array(2880),
  };
  constructor(readonly encodeMs: number, readonly decodeMs: number) {}

  async encode(): Promise<Tokens> {
    await systemClock.sleep(this.encodeMs);
    return this.#tokens;
  }

  async decode() {
    await systemClock.sleep(this.decodeMs);
    return { frameCount: 17, height: 128, width: 128, data: new Uint8Array(17 * 49152) };
  }

  [Symbol.dispose](): void {}
}

/** Frames as the command reads them from a pipe, with the signal of Ctrl-C. */
function frames(count: number): AsyncIterable<TimedFrame> {
  const pieces = async function* () {
    for (let i = 0; i < count; i++) yield await Promise.resolve(new Uint8Array(49152));
  };
  const { signal: stop } = new AbortController();
  return rawSource(pieces(), { size: { width: 128, height: 128 }, stop }).frames;
}

/** Runs windows through both halves in this process; gives the seconds it took. */
async function run(codec: Sleeper, windows: number, onWindow: (i: number) => void = () => {}) {
  const { sender, receiver } = memoryChannel();
  const options = { width: 128, height: 128, frameRate: [24, 1], payload: "range" } as const;
  const start = performance.now();
  const sending = new VideoSender(codec, sender, options).run(frames(windows * 17));
  let i = 0;
  for await (const _ of new VideoReceiver(receiver, codec).windows()) onWindow(i++);
  await sending;
  return (performance.now() - start) / 1000;
}

/** The pipeline's rate as part of what its slowest stage alone would reach. */
async function throughput() {
  const codec = new Sleeper(60, 20);
  const windows = 60;
  const start = performance.now();
  for (let i = 0; i < windows; i++) await codec.encode();
  const alone = (performance.now() - start) / 1000;
  return round(alone / await run(codec, windows));
}

/** Most memory in the first and in the last ten minutes of an hour of 24 frames a second. */
async function hourOfStream() {
  const windows = Math.round(3600 * 24 / 17);
  const part = Math.round(windows / 6);
  let [first, last] = [0, 0];
  await run(new Sleeper(0, 0), windows, (i) => {
    const { rss } = Deno.memoryUsage();
    if (i < part) first = Math.max(first, rss);
    if (i >= windows - part) last = Math.max(last, rss);
  });
  return { windows, megabytesFirst: round(first / 1e6), megabytesLast: round(last / 1e6) };
}

const report: Record<string, unknown> = {
  throughputOfSlowestStage: await throughput(),
  hourOfStream: await hourOfStream(),
};
if (hasShared) {
  const model = Deno.env.get("VIDEO_VQ_MODEL") ?? "vq-tiny";
  using encoder = await openEncoder(model);
  report.model = model;
  report.bytesPerWindow = [];
  for (const clip of CLIPS) {
    (report.bytesPerWindow as object[]).push(await bytesOf(clip, encoder));
  }
}
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(report, null, 2) + "\n"));
