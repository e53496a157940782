/**
 * The sending half of the page: encodes a live source into a channel, and shows the page what went
 * in.
 *
 * @module
 */
import { openSender } from "@vcs/transport/channel";
import { Feed, say, Site, type SiteOptions, wallTime } from "@vcs/transport/internal";
import { openEncoder } from "../models.ts";
import { FrameFitter } from "../frames/frame_fitter.ts";
import { VideoSender } from "../send.ts";
import { frameRateOf } from "../frames/sources.ts";
import { type TimedFrame, WINDOW_FRAMES } from "../stream/windows.ts";
import type { FrameSize } from "../command/options.ts";
import { encodeLiveFrame } from "./live_frame.ts";
import { openLiveSource } from "./live_source.ts";

/** What is sent, where, and how. */
export interface SenderOptions {
  /** Channel that takes the windows. */
  readonly to: string;
  /** Video file, folder of images or camera. Default: a drawn scene. */
  readonly source?: string;
  /** Name of the network, or where its weights are. Default: what is on this machine. */
  readonly model?: string;
  /** Its device. */
  readonly device: string;
  /** Classes of data that may stand in its weights. Default: none beyond the list. */
  readonly allowGlobals?: readonly string[];
  /** Size of the frames that are coded. */
  readonly size: FrameSize;
  /** Frames per second of the drawn scene and of files. Default: that of the file; 24. */
  readonly fps?: number;
  /** How tokens are written into a message. */
  readonly payload: "packed" | "range";
  /** Where the feed for the page is served. */
  readonly site: Pick<SiteOptions, "hostname" | "port" | "token">;
}

/** Sends until stopped. */
export async function runSender(options: SenderOptions, stop: AbortSignal): Promise<void> {
  const { to, model, device, size, payload, allowGlobals = [] } = options;
  const source = await openLiveSource(options.source, options.fps, stop);
  using encoder = await openEncoder(model, {
    ...{ device, allowGlobals },
    size: { frames: WINDOW_FRAMES, ...size },
  });
  await using channel = await openSender(to, { timeout: Infinity, signal: stop });
  const stream = new VideoSender(encoder, channel, {
    ...size,
    payload,
    policy: "drop-oldest",
    captureRing: 51,
    frameRate: frameRateOf(source.fps),
    stop,
    signal: stop,
  });
  const feed = new Feed();
  await using site = await Site.open({ ...options.site, routes: { "GET /feed": feed } });
  say(`The sender's feed is at ${site.url}`);
  const about = { source: source.description, encoder: encoder.description, fps: source.fps };
  const timer = setInterval(() => {
    const { dropped: _, ...send } = stream.statistics;
    feed.send(JSON.stringify({ ...about, send }), "state");
  }, 250);
  try {
    const fitter = new FrameFitter({ ...size, resize: encoder.resize });
    await stream.run(shown(source.frames, feed, fitter, size));
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    clearInterval(timer);
  }
}

/** Passes frames on and shows each to the page as the encoder will see it. */
async function* shown(
  frames: AsyncIterable<TimedFrame>,
  feed: Feed,
  fitter: FrameFitter,
  size: FrameSize,
): AsyncGenerator<TimedFrame> {
  for await (const frame of frames) {
    const capturedAt = wallTime();
    const data = fitter.fit(frame);
    feed.send(encodeLiveFrame({ pts: frame.pts, ...size, capturedAt, data }));
    yield { ...frame, ...size, data, capturedAt, pixelAspect: 1 };
  }
}
