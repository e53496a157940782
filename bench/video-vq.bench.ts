/**
 * A window's way through video-vq: frames made to fit, tokens packed and range coded, and the
 * network at the reduced configuration. Beside each the plain work that cannot be avoided.
 * `bench/video-vq_memory.ts` measures bytes, throughput and memory, `bench/video-vq_full.ts` the
 * full-size network beside PyTorch.
 */
import { tensor } from "@vcs/transport/tensor";
import { openDecoder, openEncoder } from "@vcs/video-vq";
import { decodeWindow, encodeWindow, type TokenWindow } from "@vcs/video-vq";
import { pixelsToBytes, pixelsToFloat } from "@vcs/video-vq/internal";
import { FrameFitter } from "@vcs/video-vq/internal";
import { Quality } from "@vcs/video-vq";
import { TokenDecoder, TokenEncoder } from "@vcs/video-vq";
import { SMALL_NETWORK, syntheticCheckpoint, tokensFromLatent } from "@vcs/video-vq/internal";
import { type Tokens, tokensToQuant } from "@vcs/video-vq";
import { benchDevices, nameOn } from "./devices.ts";

const SIDE = 128;
const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const checkpoint = `${folder}/small.safetensors`;
await Deno.writeFile(checkpoint, syntheticCheckpoint(SMALL_NETWORK));

const frame = (width: number, height: number) => {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * i) >> 5);
  return { width, height, data };
};
const [hd, vga] = [frame(1920, 1080), frame(640, 480)];
const clip = {
  frameCount: 17,
  height: SIDE,
  width: SIDE,
  data: frame(SIDE, SIDE * 17).data,
};
const floats = pixelsToFloat(clip.data, 17, SIDE, SIDE);
const latent = tensor("F32", [1, 18, 5, 16, 16]);
for (let i = 0; i < latent.data.length; i++) latent.data[i] = Math.sin(i / 40) + Math.sin(i * i);

/** Windows that change a little from one to the next. */
const scene: Tokens[] = Array.from({ length: 16 }, (_, k) => {
  const data = latent.data.map((value, i) => value + 0.4 * Math.sin(i * k));
  return tokensFromLatent({ ...latent, data });
});
const window: TokenWindow = {
  tokens: scene[0]!,
  validFrames: 17,
  width: SIDE,
  height: SIDE,
  frameRate: [24, 1],
  times: Array.from({ length: 18 }, (_, i) => i / 24),
  capturedAt: 0,
  encodeSeconds: 0,
  sentAt: 0,
};

function compare(group: string, jobs: [string, () => unknown][]): void {
  for (const [i, [name, fn]] of jobs.entries()) {
    Deno.bench(name, { group, baseline: i === 0 }, () => void fn());
  }
}

const scratch = new Uint8Array(hd.data.length);
const fitter = new FrameFitter({ width: SIDE, height: SIDE });
const vgaFitter = new FrameFitter({ width: SIDE, height: SIDE });
compare("a frame to 128x128", [
  ["copy of a 1080p frame", () => scratch.set(hd.data)],
  ["fit 1080p", () => fitter.fit(hd)],
  ["fit 640x480", () => vgaFitter.fit(vga)],
]);

compare("a window's pixels", [
  ["copy of 17 frames", () => scratch.set(clip.data)],
  ["bytes to floats", () => pixelsToFloat(clip.data, 17, SIDE, SIDE)],
  ["floats to bytes", () => pixelsToBytes(floats)],
  [
    "PSNR and SSIM of a frame",
    () =>
      new Quality().add(clip.data.subarray(0, 49152), clip.data.subarray(49152, 98304), SIDE, SIDE),
  ],
]);

const packedPayload = encodeWindow(window);
compare("a window's tokens", [
  ["copy of quant, 92,160 bytes", () => latent.data.slice()],
  ["pack signs", () => tokensFromLatent(latent)],
  ["unpack to quant", () => tokensToQuant(window.tokens)],
  ["write payload, packed", () => encodeWindow(window)],
  ["read payload, packed", () => decodeWindow(packedPayload)],
]);

const encoder = new TokenEncoder();
const decoder = new TokenDecoder();
const { shape } = scene[0]!;
const first = new TokenEncoder().encode(scene[0]!, true)!;
let next = 0;
encoder.encode(scene[0]!, true);
compare("range coder, a window", [
  ["packed bits, copied", () => scene[0]!.packed.slice()],
  ["encode", () => encoder.encode(scene[next++ % 16]!, false)],
  ["decode", () => decoder.decode(first, shape, true)],
]);

for (const device of await benchDevices()) {
  const options = { device, threads: 2, cache: folder };
  const ours = await openEncoder(checkpoint, options);
  const back = await openDecoder(checkpoint, options);
  const tokens = await ours.encode(clip);
  await back.decode(tokens);
  const group = "reduced network, 17x128x128";
  const isBaseline = device === "cpu";
  Deno.bench(nameOn("encode", device), { group, baseline: isBaseline, n: 6 }, async () => {
    await ours.encode(clip);
  });
  Deno.bench(nameOn("decode", device), { group, n: 6 }, async () => {
    await back.decode(tokens);
  });
}
