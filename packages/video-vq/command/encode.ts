/**
 * `video-vq encode`: source → windows → tokens → channel.
 *
 * @module
 */
import {
  channelOptions,
  defined,
  graceful,
  type Invocation,
  print,
  say,
  shownUrl,
} from "@vcs/transport/internal";
import type { FrameSource } from "../frames/sources.ts";
import type { SendStatistics, VideoSender } from "../send.ts";
import type { ENCODE, ENCODE_OPERANDS } from "./options.ts";
import { observe } from "./observed.ts";
import { Monitor, saySent, sendLine } from "./report.ts";
import {
  encodeOptions,
  modelOptions,
  requireKeys,
  requireTail,
  shownPayload,
  sourceOptions,
} from "./settings.ts";
import { WINDOW_FRAMES } from "../stream/windows.ts";

/** Runs `encode`. */
export async function encode(
  { options: values, operands, signal: stop }: Invocation<typeof ENCODE, typeof ENCODE_OPERANDS>,
): Promise<void> {
  const options = encodeOptions(values, operands.channel);
  const { payload } = options;
  requireKeys({ ...values, payload });
  const [{ openSource }, { openEncoder }, { VideoSender }, { openSender }] = await Promise.all([
    import("../frames/sources.ts"),
    import("../models.ts"),
    import("../send.ts"),
    import("@vcs/transport/channel"),
  ]);

  const size = { frames: WINDOW_FRAMES, height: options.height, width: options.width };
  const { reference, ...model } = modelOptions(values, stop);
  using encoder = await openEncoder(reference, { ...model, size });
  requireTail(options, encoder);
  await using source = await openSource(operands.source, sourceOptions(values, stop));
  const end = graceful(stop);
  const channelSettings = { ...channelOptions(values), signal: end };
  await using channel = await openSender(operands.channel, channelSettings);
  const to = `${shownPayload(payload)} → ${shownUrl(channel.url)}`;
  say(`${source.description} → ${encoder.description} → ${to}`);

  const captureRing = source.live ? values.captureRing : undefined;
  const stream = new VideoSender(encoder, channel, {
    ...options,
    ...defined({ captureRing, streamId: values.streamId }),
    frameRate: source.frameRate,
    stop,
    signal: end,
  });
  const data = () => ({ ...statisticsOf(stream, source), damagedFrames: source.damaged });
  await using _site = await observe(values, data);
  const state = () => ({ line: sendLine(stream.statistics), data: data() });
  using _monitor = await Monitor.open(state, values.stats, [operands.source, values.weights]);
  try {
    await stream.run(source.frames);
  } finally {
    sayTotals(stream, source, values.json);
  }
}

/** What was sent; frames that a live source dropped by itself count, too. */
function statisticsOf({ statistics }: VideoSender, { dropped }: FrameSource): SendStatistics {
  return { ...statistics, framesDropped: statistics.framesDropped + dropped };
}

/** Says what was sent, also if the source or the encoder failed. */
function sayTotals(stream: VideoSender, source: FrameSource, json: boolean): void {
  const { streamId } = stream;
  const statistics = statisticsOf(stream, source);
  const { frameRate: [numerator, denominator], damaged: damagedFrames } = source;
  saySent(statistics, statistics.framesIn * denominator / numerator, damagedFrames);
  if (json) print(JSON.stringify({ streamId, ...statistics, damagedFrames }));
}
