/**
 * `video-vq decode`: channel → tokens → frames → video file, stdout, or steady playback.
 *
 * @module
 */
import {
  channelOptions,
  defined,
  type Invocation,
  type OptionValues,
  print,
  refuseTerminal,
  say,
  shownUrl,
} from "@vcs/transport/internal";
import type { Receiver } from "@vcs/transport/channel";
import { pathToFileURL } from "node:url";
import type { FrameOutput } from "../frames/outputs.ts";
import type { Playback, PlayOptions } from "../play.ts";
import type { VideoReceiver } from "../receive.ts";
import type { DECODE, DECODE_OPERANDS } from "./options.ts";
import { WINDOW_FRAMES } from "../stream/windows.ts";
import { observe } from "./observed.ts";
import { Monitor, receiveLine, sayReceived } from "./report.ts";
import { modelOptions } from "./settings.ts";

/** Runs `decode`; exit code 1 if windows came and every one was damaged. */
export async function decode(
  { options, operands, signal: stop }: Invocation<typeof DECODE, typeof DECODE_OPERANDS>,
): Promise<number> {
  const { output: path } = operands;
  refuseTerminal(path, "frames", "name one in the place of -, as clip.mp4");
  const [
    { openDecoder },
    { RECEIVER_CAPABILITIES, VideoReceiver },
    { openReceiver },
    { openOutput },
  ] = await Promise.all([
    import("../models.ts"),
    import("../receive.ts"),
    import("@vcs/transport/channel"),
    import("../frames/outputs.ts"),
  ]);

  const { reference, ...model } = modelOptions(options, stop);
  // A slow first window delays all that are played after it: get ready for the usual size.
  const size = { frames: WINDOW_FRAMES, height: 128, width: 128 };
  using decoder = await openDecoder(reference, options.play ? { ...model, size } : model);
  using journal = await openJournal(options.journal);
  const torch = await torchFolder(operands.channel);
  const ends = { ...channelOptions(options), capabilities: RECEIVER_CAPABILITIES };
  await using channel = torch ?? await openReceiver(operands.channel, ends);
  const inputs = [options.journal, options.weights];
  // What is played is written as it was played.
  const constantRate = options.play;
  const comesAgain = journal !== undefined;
  const { times } = options;
  const written = { inputs, live: true, comesAgain, constantRate, ...defined({ times }) };
  const output = await openOutput(path, written);
  say(`${shownUrl(channel.url)} → ${decoder.description} → ${path === "-" ? "stdout" : path}`);

  const { queue, policy, reorder, force, onResize, maxPositions } = options;
  const receiver = new VideoReceiver(channel, decoder, {
    ...{ queue, policy, reorder, force, onResize, maxPositions },
    ...defined({ journal, from: options.from, to: options.to }),
    onEvent: say,
    signal: stop,
  });
  const player = new Player(receiver, output, playOptions(options));
  {
    await using _site = await observe(options, () => player.report().data);
    using _monitor = await Monitor.open(() => player.report(), options.stats, inputs);
    await player.run(stop);
  }
  sayReceived(receiver.statistics);
  if (options.json && path !== "-") print(JSON.stringify(player.report().data));
  const { decoded, damaged } = receiver.statistics;
  return decoded === 0 && damaged > 0 ? 1 : 0;
}

function playOptions(
  { play, rate, ring, jitter, underrun }: OptionValues<typeof DECODE>,
): PlayOptions | undefined {
  return play ? { ring, jitter, underrun, ...defined({ rate }) } : undefined;
}

/** A folder of files that PyTorch wrote; channels only write those. */
async function torchFolder(reference: string): Promise<Receiver | undefined> {
  const url = URL.parse(reference, pathToFileURL(`${Deno.cwd()}/`));
  const { isTorchFolder, openTorchFolder } = await import("./torch_folder.ts");
  return url && isTorchFolder(url) ? await openTorchFolder(url) : undefined;
}

async function openJournal(path: string | undefined) {
  if (path === undefined) return undefined;
  return await (await import("../stream/journal.ts")).WindowJournal.open(path);
}

/** Writes the frames of a receiver to an output, at a steady rate or as they arrive. */
class Player {
  #playback: Playback | undefined;

  constructor(
    readonly receiver: VideoReceiver,
    readonly output: FrameOutput,
    readonly options: PlayOptions | undefined,
  ) {}

  /** Runs to the end of the stream, or until stopped; completes the output in either case. */
  async run(stop: AbortSignal): Promise<void> {
    try {
      for await (const frame of await this.#frames(stop)) await this.output.write(frame);
    } catch (error) {
      if (!stop.aborted) throw error;
    } finally {
      await this.output.close();
    }
  }

  async #frames(signal: AbortSignal) {
    if (!this.options) return this.receiver.frames();
    const { playVideo } = await import("../play.ts");
    this.#playback = await playVideo(this.receiver, { ...this.options, signal });
    return this.#playback.frames;
  }

  report(): { line: string; data: object } {
    const statistics = this.receiver.statistics;
    const line = receiveLine(statistics);
    const ring = this.#playback?.counters;
    if (!ring) return { line, data: statistics };
    const { depth, deepest, dropped, underruns, late } = ring;
    return {
      line: `${line}, ring ${depth}, ${underruns} underruns`,
      data: { ...statistics, ring: { depth, deepest, dropped, underruns, late } },
    };
  }
}
