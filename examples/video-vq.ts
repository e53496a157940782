// deno-lint-ignore-file no-console -- what a program prints is its result
/**
 * Keeps a video as tokens in a folder, one small file for each 17 frames, and makes a video of
 * them again:
 *
 *     deno run -A examples/video-vq.ts pack clip.mp4 file:tokens
 *     deno run -A examples/video-vq.ts unpack file:tokens copy.mp4
 *
 * With `tcp://HOST:7000` as the channel the two halves run on two machines.
 */
import { openReceiver, openSender } from "@vcs/transport";
import {
  openDecoder,
  openEncoder,
  openOutput,
  openSource,
  VideoReceiver,
  VideoSender,
} from "@vcs/video-vq";

const SIZE = { width: 128, height: 128 };
const MODEL = "vq-tiny";

async function pack(path: string, channel: string): Promise<void> {
  await using source = await openSource(path);
  using encoder = await openEncoder(MODEL);
  await using out = await openSender(channel);
  const options = { ...SIZE, frameRate: source.frameRate, payload: "range" } as const;
  const sender = new VideoSender(encoder, out, options);
  await sender.run(source.frames);
  const { framesIn, sent, bytes } = sender.statistics;
  console.log(`${framesIn} frames became ${sent} windows, ${bytes} bytes`);
}

async function unpack(channel: string, path: string): Promise<void> {
  using decoder = await openDecoder(MODEL);
  await using into = await openReceiver(channel);
  const output = await openOutput(path);
  let frames = 0;
  for await (const frame of new VideoReceiver(into, decoder).frames()) {
    await output.write(frame);
    frames++;
  }
  await output.close();
  console.log(`${path}: ${frames} frames`);
}

const [job, from = "clip.mp4", to = "file:tokens"] = Deno.args;
if (job === "unpack") await unpack(from, to);
else await pack(from, to);
