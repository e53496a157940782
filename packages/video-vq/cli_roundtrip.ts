/**
 * `video-vq roundtrip`: the whole pipeline in one process, with the same queues, and how good the
 * result is.
 *
 * @module
 */
import { say } from "@vcs/transport/cli";
import { encodeOptions, Flags, flowOptions, modelOptions, sourceOptions } from "./cli_options.ts";
import { bitrate, Monitor, receiveLine, sayReceived, saySent, sendLine } from "./cli_report.ts";
import type { FrameOutput } from "./outputs.ts";
import { Quality } from "./quality.ts";
import type { ReceivedWindow, VideoReceiver } from "./receive_video.ts";
import { type FrameWindow, WINDOW_FRAMES } from "./windows.ts";

/** Runs `roundtrip`. */
export async function roundtrip(args: string[], stop: AbortSignal): Promise<number> {
  const groups = ["model", "encode", "flow"] as const;
  const flags = new Flags("roundtrip", args, groups, ["<source>", "[output]"]);
  const [reference, path] = flags.words as [string, string | undefined];
  const options = { ...encodeOptions(flags), ...flowOptions(flags) };
  const [
    { openSource },
    { openEncoder, openDecoder },
    { VideoSender },
    { VideoReceiver },
    { memoryChannel },
    { openOutput },
  ] = await Promise.all([
    import("./sources.ts"),
    import("./models.ts"),
    import("./send_video.ts"),
    import("./receive_video.ts"),
    import("./memory_channel.ts"),
    import("./outputs.ts"),
  ]);

  const size = { frames: WINDOW_FRAMES, height: options.height, width: options.width };
  const model = { ...modelOptions(flags, stop), size };
  using encoder = await openEncoder(flags.text("model"), model);
  using decoder = await openDecoder(flags.text("model"), model);
  await using source = await openSource(reference, sourceOptions(flags, stop));
  say(`${source.description} → ${encoder.description}`);

  const channel = memoryChannel();
  const comparison = new Comparison();
  const sender = new VideoSender(encoder, channel.sender, {
    ...options,
    frameRate: source.frameRate,
    onWindow: (window) => comparison.remember(window),
    stop,
  });
  const receiver = new VideoReceiver(channel.receiver, decoder, flowOptions(flags));
  const output = path === undefined ? undefined : openOutput(path);
  const read = () => ({
    line: `${sendLine(sender.statistics)}; ${receiveLine(receiver.statistics)}`,
    data: { send: sender.statistics, receive: receiver.statistics },
  });
  {
    using _monitor = new Monitor(read, flags.text("stats"));
    const taking = take(receiver, comparison, output);
    taking.catch(() => channel.receiver.close());
    await Promise.all([sender.run(source.frames), taking]);
  }
  const [numerator, denominator] = source.frameRate;
  const seconds = comparison.quality.frames * denominator / numerator;
  const { psnr, ssim, frames } = comparison.quality;
  const { bytes, sent } = sender.statistics;
  saySent(sender.statistics, seconds);
  sayReceived(receiver.statistics);
  say(
    `${frames} frames: PSNR ${psnr.toFixed(2)} dB, SSIM ${ssim.toFixed(4)}, ${bytes} bytes, ${
      bitrate(bytes, seconds)
    }`,
  );
  if (flags.has("json")) {
    const totals = { frames, psnr, ssim, bytes, windows: sent, seconds, ...read().data };
    await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(totals) + "\n"));
  }
  return 0;
}

async function take(
  receiver: VideoReceiver,
  comparison: Comparison,
  output: FrameOutput | undefined,
): Promise<void> {
  const { framesOf } = await import("./receive_video.ts");
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
