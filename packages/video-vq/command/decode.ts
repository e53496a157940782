/**
 * `video-vq decode`: channel → tokens → frames → video file, stdout, or steady playback.
 *
 * @module
 */
import { print, say } from "@vcs/transport/internal";
import { channelOptions, Flags, flowOptions, given, modelOptions } from "./options.ts";
import { Monitor, receiveLine, sayReceived } from "./report.ts";
import type { FrameOutput } from "../frames/outputs.ts";
import type { Playback, PlayOptions } from "../play.ts";
import type { VideoReceiver } from "../receive.ts";

/** Runs `decode`. */
export async function decode(args: string[], stop: AbortSignal): Promise<number> {
  const flags = new Flags("decode", args, ["model", "decode", "flow"], ["<channel>", "<output>"]);
  const [url, path] = flags.words as [string, string];
  const playOptions = readPlayOptions(flags);
  const [{ openDecoder }, { VideoReceiver }, { openReceiver }, { openOutput }] = await Promise.all([
    import("../models.ts"),
    import("../receive.ts"),
    import("@vcs/transport/channel"),
    import("../frames/outputs.ts"),
  ]);

  using decoder = await openDecoder(flags.text("model"), modelOptions(flags, stop));
  using journal = await openJournal(flags.text("journal"));
  await using channel = await openReceiver(url, channelOptions(flags));
  say(`${channel.url} → ${decoder.description} → ${path === "-" ? "stdout" : path}`);

  const receiver = new VideoReceiver(channel, decoder, {
    ...flowOptions(flags),
    ...given({ reorder: flags.number("reorder", 0, 600_000), journal }),
    force: flags.has("force"),
    onEvent: say,
    signal: stop,
  });
  const player = new Player(receiver, openOutput(path, flags.text("times")), playOptions);
  {
    using _monitor = new Monitor(() => player.report(), flags.text("stats"));
    await player.run(stop);
  }
  sayReceived(receiver.statistics);
  if (flags.has("json") && path !== "-") {
    print(JSON.stringify(player.report().data));
  }
  return 0;
}

function readPlayOptions(flags: Flags): PlayOptions | undefined {
  if (!flags.has("play")) return undefined;
  return given({
    rate: flags.number("rate", 0.1, 1000, false),
    ring: flags.number("ring", 34, 51),
    jitter: flags.number("jitter", 0, 60, false),
    underrun: flags.word("underrun", ["repeat", "wait"]),
  });
}

async function openJournal(path: string | undefined) {
  if (path === undefined) return undefined;
  return await (await import("../stream/journal.ts")).WindowJournal.open(path);
}

/** Brings the frames of a receiver to an output, at their pace or as they come. */
class Player {
  #playback: Playback | undefined;

  constructor(
    readonly receiver: VideoReceiver,
    readonly output: FrameOutput,
    readonly options: PlayOptions | undefined,
  ) {}

  /** Runs to the end of the stream, or until stopped; the output is complete in either case. */
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
