/**
 * `video-vq encode`: source → windows → tokens → channel.
 *
 * @module
 */
import { onAbort, print, say, UsageError } from "@vcs/transport/internal";
import {
  channelOptions,
  encodeOptions,
  Flags,
  flowOptions,
  given,
  modelOptions,
  requireTail,
  sourceOptions,
} from "./options.ts";
import { Monitor, saySent, sendLine } from "./report.ts";
import { WINDOW_FRAMES } from "../stream/windows.ts";

/** Seconds that what is on its way may take to arrive after Ctrl-C. */
const GRACE = 10_000;

/** Runs `encode`. */
export async function encode(args: string[], stop: AbortSignal): Promise<number> {
  const flags = new Flags("encode", args, ["model", "encode", "flow"], ["<source>", "<channel>"]);
  const [reference, url] = flags.words as [string, string];
  const options = { ...encodeOptions(flags), ...flowOptions(flags) };
  const streamId = readStreamId(flags);
  const [{ openSource }, { openEncoder }, { VideoSender }, { openSender }] = await Promise.all([
    import("../frames/sources.ts"),
    import("../models.ts"),
    import("../send.ts"),
    import("@vcs/transport/channel"),
  ]);

  const size = { frames: WINDOW_FRAMES, height: options.height, width: options.width };
  using encoder = await openEncoder(flags.text("model"), { ...modelOptions(flags, stop), size });
  requireTail(options, encoder);
  await using source = await openSource(reference, sourceOptions(flags, stop));
  const end = graceful(stop);
  await using channel = await openSender(url, { ...channelOptions(flags), signal: end });
  say(`${source.description} → ${encoder.description} → ${channel.url}`);

  const captureRing = source.live ? flags.number("capture-ring", 17, 510) ?? 34 : undefined;
  const stream = new VideoSender(encoder, channel, {
    ...options,
    ...given({ captureRing, streamId }),
    frameRate: source.frameRate,
    stop,
    signal: end,
  });
  using _monitor = new Monitor(() => {
    const { statistics } = stream;
    const data = { ...statistics, damagedPictures: source.damaged };
    return { line: sendLine(statistics), data };
  }, flags.text("stats"));
  const statistics = await stream.run(source.frames);
  const [numerator, denominator] = source.frameRate;
  const damagedPictures = source.damaged;
  saySent(statistics, statistics.framesIn * denominator / numerator, damagedPictures);
  if (flags.has("json")) {
    print(JSON.stringify({ streamId: stream.streamId, ...statistics, damagedPictures }));
  }
  return 0;
}

/** A stream that may be sent again; range coded, all its windows are keys then. */
function readStreamId(flags: Flags): string | undefined {
  const streamId = flags.text("stream-id")?.toLowerCase();
  if (streamId !== undefined && !/^[0-9a-f]{16}$/.test(streamId)) {
    throw new UsageError(`--stream-id ${streamId}: allowed are 16 hexadecimal digits`);
  }
  const keyEvery = flags.text("key-every") ?? "1";
  if (streamId !== undefined && flags.text("payload") === "range" && Number(keyEvery) !== 1) {
    throw new UsageError(`--key-every ${keyEvery}: allowed is 1 with --stream-id and range`);
  }
  return streamId;
}

/** A signal that is aborted some time after another. */
export function graceful(stop: AbortSignal): AbortSignal {
  const end = new AbortController();
  const later = () => {
    const timer = setTimeout(() => end.abort(stop.reason), GRACE);
    Deno.unrefTimer(timer);
  };
  onAbort(stop, later);
  return end.signal;
}
