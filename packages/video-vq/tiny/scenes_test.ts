/** The small model's picture from frame to frame, as a receiver shows it. */
import { decodeImage } from "@vcs/media/image";
import { memoryChannel } from "@vcs/transport/channel";
import assert from "node:assert/strict";
import { FrameFitter } from "../frames/frame_fitter.ts";
import { Quality } from "../frames/quality.ts";
import { openDecoder, openEncoder } from "../models.ts";
import { VideoReceiver } from "../receive.ts";
import { VideoSender } from "../send.ts";

/** Bytes of a frame of 128×128. */
const SIZE = 128 * 128 * 3;

/** The picture of a package's README, a stretch of it to the right for each frame. */
async function pictures(name: string, count: number, pixels: number): Promise<Uint8Array[]> {
  const path = new URL(`../../${name}/picture.jpg`, import.meta.url);
  const { width, height, data } = await decodeImage(await Deno.readFile(path));
  const fitter = new FrameFitter({ width: 128, height: 128, resize: "area" });
  return Array.from({ length: count }, (_, t) => {
    const crop = new Uint8Array(height * height * 3);
    for (let y = 0; y < height; y++) {
      const from = 3 * (y * width + t * pixels);
      crop.set(data.subarray(from, from + 3 * height), 3 * y * height);
    }
    return fitter.fit({ width: height, height, data: crop }).slice();
  });
}

/** What a receiver shows of frames that were sent to it. */
async function throughStream(given: readonly Uint8Array[]): Promise<Uint8Array[]> {
  using encoder = await openEncoder("vq-tiny", { device: "cpu" });
  using decoder = await openDecoder("vq-tiny", { device: "cpu" });
  const { sender, receiver } = memoryChannel();
  const size = { width: 128, height: 128 };
  const stream = new VideoSender(encoder, sender, { ...size, frameRate: [24, 1] });
  const times = (t: number) => ({ pts: t / 24, duration: 1 / 24 });
  const frames = given.map((data, t) => ({ ...size, data, ...times(t) }));
  const sent = stream.run(ReadableStream.from(frames));
  const shown = await Array.fromAsync(new VideoReceiver(receiver, decoder).frames());
  await sent;
  return shown.map(({ data }) => data);
}

for (const name of ["clip-drift", "encodec-stream"]) {
  Deno.test(`vq-tiny: a still scene (${name}) changes no more from window to window than inside one`, async () => {
    const [picture] = await pictures(name, 1, 0);
    const shown = await throughStream(new Array(3 * 17 + 5).fill(picture));
    assert.equal(shown.length, 3 * 17 + 5);
    const steps = shown.slice(1).map((frame, i) =>
      frame.reduce((sum, value, at) => sum + Math.abs(value - shown[i]![at]!), 0) / SIZE
    );
    const inside = steps.filter((_, i) => i % 17 !== 16);
    const edges = steps.filter((_, i) => i % 17 === 16);
    assert.equal(edges.length, 3);
    assert.ok(Math.max(...edges) <= Math.max(...inside), `${steps.map((step) => step.toFixed(2))}`);
  });
}

Deno.test("vq-tiny: a short last window is as good as a full one", async () => {
  const given = await pictures("video-vq", 17, 6);
  const full = await throughStream(given);
  for (const count of [1, 2, 5, 9, 16]) {
    const shown = await throughStream(given.slice(0, count));
    assert.equal(shown.length, count);
    const [short, whole] = [shown, full].map((frames) => {
      const quality = new Quality();
      quality.add(given[count - 1]!, frames[count - 1]!, 128, 128);
      return quality.psnr;
    });
    assert.ok(short! > whole! - 0.2, `${count} frames: ${short} dB, of a full window ${whole}`);
  }
});
