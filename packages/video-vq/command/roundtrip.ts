/**
 * `video-vq roundtrip`: the pipeline in one process, with the same queues, and the quality of the
 * result.
 *
 * @module
 */
import { defined, type Invocation, print, refuseTerminal, say } from "@vcs/transport/internal";
import type { ROUNDTRIP, ROUNDTRIP_OPERANDS } from "./options.ts";
import {
  encodeOptions,
  modelOptions,
  requireTail,
  shownPayload,
  sourceOptions,
} from "./settings.ts";
import { bitrate, Monitor, receiveLine, sayReceived, saySent, sendLine } from "./report.ts";
import type { FrameOutput } from "../frames/outputs.ts";
import { Quality } from "../frames/quality.ts";
import type { MemoryChannel } from "@vcs/transport/channel";
import type { ReceivedWindow, VideoReceiver } from "../receive.ts";
import type { SendOptions, VideoSender } from "../send.ts";
import type { FrameSource } from "../frames/sources.ts";
import type { WindowDecoder, WindowEncoder } from "../stream/tokenizer.ts";
import { type FrameWindow, type TimedFrame, WINDOW_FRAMES } from "../stream/windows.ts";

/** Runs `roundtrip`. */
export async function roundtrip(
  { options: values, operands, signal: stop }: Invocation<
    typeof ROUNDTRIP,
    typeof ROUNDTRIP_OPERANDS
  >,
): Promise<void> {
  const { output: path } = operands;
  refuseTerminal(path ?? "", "frames", "name one in the place of -, as clip.mp4");
  const options = encodeOptions(values);
  const [{ openSource }, { openEncoder, openDecoder }] = await Promise.all([
    import("../frames/sources.ts"),
    import("../models.ts"),
  ]);
  const size = { frames: WINDOW_FRAMES, height: options.height, width: options.width };
  const { reference, ...model } = { ...modelOptions(values, stop), size };
  using encoder = await openEncoder(reference, model);
  requireTail(options, encoder);
  using decoder = await openDecoder(reference, model);
  await using source = await openSource(operands.source, sourceOptions(values, stop));
  say(`${source.description} → ${encoder.description} → ${shownPayload(options.payload)}`);

  const { frameRate } = source;
  const pipeline = await connect(encoder, decoder, { ...options, frameRate, stop });
  const inputs = [operands.source, values.weights];
  const { live } = source;
  const output = path === undefined
    ? undefined
    : await (await import("../frames/outputs.ts")).openOutput(path, { inputs, live });
  {
    using _monitor = await Monitor.open(pipeline.report, values.stats, inputs);
    await run(pipeline, source.frames, output).catch(async (error) => {
      await (live ? output?.close() : output?.abort());
      throw error;
    });
  }
  // Half of a file does not take the place of what was there; what came from a camera does.
  if (stop.aborted && !live) await output?.abort();
  else await output?.close();
  const totals = sayTotals(pipeline, source);
  if (values.json) print(JSON.stringify(totals));
}

/** Both halves with a channel between them, and the comparison of source and result. */
interface Pipeline {
  readonly sender: VideoSender;
  readonly receiver: VideoReceiver;
  readonly channel: MemoryChannel;
  readonly comparison: Comparison;
  readonly report: () => { line: string; data: object };
}

async function connect(
  encoder: WindowEncoder,
  decoder: WindowDecoder,
  options: SendOptions,
): Promise<Pipeline> {
  const [{ VideoSender }, { VideoReceiver }, { memoryChannel }] = await Promise.all([
    import("../send.ts"),
    import("../receive.ts"),
    import("@vcs/transport/channel"),
  ]);
  const { queue, policy } = options;
  const channel = memoryChannel();
  const comparison = new Comparison();
  const sender = new VideoSender(encoder, channel.sender, {
    ...options,
    onWindow: (window) => comparison.keep(window),
  });
  const receiver = new VideoReceiver(channel.receiver, decoder, defined({ queue, policy }));
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
  { frameRate: [numerator, denominator], damaged: damagedFrames }: FrameSource,
): object {
  const { psnr, ssim, frames } = comparison.quality;
  const seconds = frames * denominator / numerator;
  const { bytes, sent: windows } = sender.statistics;
  saySent(sender.statistics, seconds, damagedFrames);
  sayReceived(receiver.statistics);
  say(
    `${frames} frames: PSNR ${psnr.toFixed(2)} dB, SSIM ${ssim.toFixed(4)}, ${bytes} bytes, ${
      bitrate(bytes, seconds)
    }`,
  );
  return { frames, psnr, ssim, bytes, windows, seconds, damagedFrames, ...report().data };
}

async function take(
  receiver: VideoReceiver,
  comparison: Comparison,
  output: FrameOutput | undefined,
): Promise<void> {
  const { framesOf } = await import("../receive.ts");
  for await (const window of receiver.windows()) {
    comparison.add(window);
    for (const frame of output ? framesOf(window) : []) await output!.write(frame);
  }
}

/** Keeps the windows in flight, and compares them when they are received. */
class Comparison {
  readonly quality = new Quality();
  readonly #sources = new Map<number, FrameWindow>();

  keep(window: FrameWindow): void {
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
