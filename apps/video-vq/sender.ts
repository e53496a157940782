/**
 * The sending process of the page: encodes a live source into a channel, and shows the page what
 * went in.
 *
 *   deno run -A apps/video-vq/sender.ts --to tcp://receiver:7414 [SOURCE] [--model REF] [--page 8415]
 *
 * @module
 */
import { openSender } from "@vcs/transport/channel";
import { runMain, say, UsageError } from "@vcs/transport/internal";
import { openEncoder } from "@vcs/video-vq/models";
import { FrameFitter } from "@vcs/video-vq/preprocess";
import { VideoSender } from "@vcs/video-vq/send_video";
import { frameRateOf } from "@vcs/video-vq/sources";
import type { TimedFrame } from "@vcs/video-vq/windows";
import { wallTime, WINDOW_FRAMES } from "@vcs/video-vq/windows";
import { parseArgs } from "node:util";
import { LiveFeed } from "./live_feed.ts";
import { openLiveSource } from "./live_source.ts";

function parse(args: string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        to: { type: "string", default: "tcp://127.0.0.1:7414" },
        page: { type: "string", default: "8415" },
        model: text,
        device: text,
        size: { type: "string", default: "128" },
        fps: text,
        payload: { type: "string", default: "range" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : `${error}`);
  }
}

await runMain("video-vq sender", async (args, stop) => {
  const { values, positionals: [reference] } = parse(args);
  const size = { width: Number(values.size), height: Number(values.size) };
  const payload = values.payload === "packed" ? "packed" : "range";
  const source = await openLiveSource(reference, values.fps ? Number(values.fps) : undefined, stop);
  using encoder = await openEncoder(values.model, {
    ...(values.device !== undefined && { device: values.device }),
    size: { frames: WINDOW_FRAMES, ...size },
  });
  await using channel = await openSender(values.to, { patience: Infinity, signal: stop });
  const stream = new VideoSender(encoder, channel, {
    ...size,
    payload,
    policy: "drop-oldest",
    captureRing: 51,
    frameRate: frameRateOf(source.fps),
    stop,
    signal: stop,
  });

  const feed = new LiveFeed();
  await using server = Deno.serve(
    {
      port: Number(values.page),
      onListen: ({ port }) => say(`The sender's feed is at port ${port}`),
    },
    (request) =>
      request.headers.get("upgrade") === "websocket"
        ? feed.upgrade(request)
        : new Response("The feed of a video-vq sender, for its page.\n"),
  );
  void server;
  const about = { source: source.description, encoder: encoder.description, fps: source.fps };
  const timer = setInterval(() => {
    const { dropped: _, ...send } = stream.statistics;
    feed.state({ ...about, send });
  }, 250);
  try {
    await stream.run(shown(source.frames, feed, new FrameFitter(size), size));
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    clearInterval(timer);
    feed.close();
  }
});

/** Passes frames on and shows each to the page as the encoder will see it. */
async function* shown(
  frames: AsyncIterable<TimedFrame>,
  feed: LiveFeed,
  fitter: FrameFitter,
  size: { width: number; height: number },
): AsyncGenerator<TimedFrame> {
  let index = 0;
  for await (const frame of frames) {
    const data = fitter.fit(frame);
    feed.frame({ index: index++, ...size, capturedAt: wallTime(), data });
    yield { ...frame, ...size, data };
  }
}
