/**
 * `video-vq roundtrip`: the whole pipeline in one process, with the same queues, and how good the
 * result is.
 *
 * @module
 */
import { print, say } from "@vcs/transport/internal";
import {
  encodeOptions,
  Flags,
  flowOptions,
  modelOptions,
  requireTail,
  sourceOptions,
} from "./options.ts";
import { bitrate, Monitor, receiveLine, sayReceived, saySent, sendLine } from "./report.ts";
import type { FrameOutput } from "../frames/outputs.ts";
import { Quality } from "../frames/quality.ts";
import type { MemoryChannel } from "@vcs/transport/channel";
import type { FrameRate } from "../stream/payload.ts";
import type { ReceivedWindow, VideoReceiver } from "../receive.ts";
import type { SendOptions, VideoSender } from "../send.ts";
import type { FrameSource } from "../frames/sources.ts";
import type { WindowDecoder, WindowEncoder } from "../stream/tokenizer.ts";
import { type FrameWindow, type TimedFrame, WINDOW_FRAMES } from "../stream/windows.ts";

/** Runs `roundtrip`. */
export async function roundtrip(args: string[], stop: AbortSignal): Promise<number> {
  const groups = ["model", "encode", "flow"] as const;
  const flags = new Flags("roundtrip", args, groups, ["<source>", "[output]"]);
  const options = encodeOptions(flags);
  const [{ openSource }, { openEncoder, openDecoder }] = await Promise.all([
    import("../frames/sources.ts"),
    import("../models.ts"),
  ]);
  const size = { frames: WINDOW_FRAMES, height: options.height, width: options.width };
  const model = { ...modelOptions(flags, stop), size };
  using encoder = await openEncoder(flags.text("model"), model);
  requireTail(options, encoder);
  using decoder = await openDecoder(flags.text("model"), model);
  await using source = await openSource(flags.words[0]!, sourceOptions(flags, stop));
  say(`${source.description} → ${encoder.description}`);

  const pipeline = await connect(flags, encoder, decoder, { ...options, stop }, source.frameRate);
  const output = flags.words[1] === undefined
    ? undefined
    : (await import("../frames/outputs.ts")).openOutput(flags.words[1]);
  {
    using _monitor = new Monitor(pipeline.report, flags.text("stats"));
    await run(pipeline, source.frames, output);
  }
  const totals = sayTotals(pipeline, source);
  if (flags.has("json")) {
    print(JSON.stringify(totals));
  }
  return 0;
}

/** Both halves with a channel between them, and what compares their ends. */
interface Pipeline {
  readonly sender: VideoSender;
  readonly receiver: VideoReceiver;
  readonly channel: MemoryChannel;
  readonly comparison: Comparison;
  readonly report: () => { line: string; data: object };
}

async function connect(
  flags: Flags,
  encoder: WindowEncoder,
  decoder: WindowDecoder,
  options: Omit<SendOptions, "frameRate">,
  frameRate: FrameRate,
): Promise<Pipeline> {
  const [{ VideoSender }, { VideoReceiver }, { memoryChannel }] = await Promise.all([
    import("../send.ts"),
    import("../receive.ts"),
    import("@vcs/transport/channel"),
  ]);
  const channel = memoryChannel();
  const comparison = new Comparison();
  const sender = new VideoSender(encoder, channel.sender, {
    ...options,
    ...flowOptions(flags),
    frameRate,
    onWindow: (window) => comparison.remember(window),
  });
  const receiver = new VideoReceiver(channel.receiver, decoder, flowOptions(flags));
  const report = () => ({
    line: `${sendLine(sender.statistics)}; ${receiveLine(receiver.statistics)}`,
    data: { send: sender.statistics, receive: receiver.statistics },
  });
  return { sender, receiver, channel, comparison, report };
}

async function run(
  { sender, receiver, channel, comparison }: Pipeline,
  frames: AsyncIterable<TimedFrame>,
  output: FrameOutput | undefined,
): Promise<void> {
  const taking = take(receiver, comparison, output);
  taking.catch(() => channel.receiver.close());
  await Promise.all([sender.run(frames), taking]);
}

function sayTotals(
  { sender, receiver, comparison, report }: Pipeline,
  { frameRate: [numerator, denominator], damaged: damagedPictures }: FrameSource,
): object {
  const { psnr, ssim, frames } = comparison.quality;
  const seconds = frames * denominator / numerator;
  const { bytes, sent: windows } = sender.statistics;
  saySent(sender.statistics, seconds, damagedPictures);
  sayReceived(receiver.statistics);
  say(
    `${frames} frames: PSNR ${psnr.toFixed(2)} dB, SSIM ${ssim.toFixed(4)}, ${bytes} bytes, ${
      bitrate(bytes, seconds)
    }`,
  );
  return { frames, psnr, ssim, bytes, windows, seconds, damagedPictures, ...report().data };
}

async function take(
  receiver: VideoReceiver,
  comparison: Comparison,
  output: FrameOutput | undefined,
): Promise<void> {
  const { framesOf } = await import("../receive.ts");
  try {
    for await (const window of receiver.windows()) {
      comparison.add(window);
      for (const frame of output ? framesOf(window) : []) await output!.write(frame);
    }
  } finally {
    await output?.close();
  }
}

/** Holds the windows that are on their way, and compares them when they come back. */
class Comparison {
  readonly quality = new Quality();
  readonly #sources = new Map<number, FrameWindow>();

  remember(window: FrameWindow): void {
    this.#sources.set(window.sequence, window);
  }

  add(window: ReceivedWindow): void {
    const source = this.#sources.get(window.sequence);
    for (const sequence of this.#sources.keys()) {
      if (sequence <= window.sequence) this.#sources.delete(sequence);
    }
    const { width, height, validFrames } = window;
    const size = width * height * 3;
    for (let i = 0; source && i < validFrames; i++) {
      const [from, to] = [i * size, (i + 1) * size];
      this.quality.add(
        source.data.subarray(from, to),
        window.data.subarray(from, to),
        width,
        height,
      );
    }
  }
}
