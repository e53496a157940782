/**
 * Films and sound for the suites, made by our own writers and kept in the cache. The films: a
 * textured wall that the camera pans over, and a block that moves on it.
 *
 * @module
 */
import { VideoWriter } from "@vcs/media/video_writer";
import { encodeWav } from "@vcs/media/wav";
import { cacheDirectory, writeWhole } from "@vcs/transport/internal";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** Raised where the films change. */
const VERSION = 1;

/** A film. */
export interface ClipPlan {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
}

/** A repeatable byte for a point of the lattice. */
function lattice(x: number, y: number): number {
  let n = Math.imul(x, 374761393) + Math.imul(y, 668265263);
  n = Math.imul(n ^ (n >>> 13), 1274126177);
  return (n ^ (n >>> 16)) & 255;
}

/** Tiles of 8×8 pixels in random colours, with some grain. */
function wall(width: number, height: number): Uint8Array {
  const pixels = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    for (let c = 0; c < 3; c++) {
      pixels[3 * i + c] = 0.8 * lattice(3 * (x >> 3) + c, y >> 3) + 0.2 * lattice(x, y);
    }
  }
  return pixels;
}

function* drawn({ width, height, frames }: ClipPlan): Generator<Uint8Array> {
  const wide = width + 2 * frames;
  const pixels = wall(wide, height);
  const side = Math.round(height / 6);
  for (let number = 0; number < frames; number++) {
    const frame = new Uint8Array(3 * width * height);
    for (let y = 0; y < height; y++) {
      const from = 3 * (y * wide + 2 * number);
      frame.set(pixels.subarray(from, from + 3 * width), 3 * y * width);
    }
    const left = (5 * number) % (width - side);
    for (let y = side; y < 2 * side; y++) {
      frame.fill(255 - number % 64, 3 * (y * width + left), 3 * (y * width + left + side));
    }
    yield frame;
  }
}

/** Path of a film as MP4, H.264 with B-frames, 24 frames a second, a key frame a second. */
export async function madeClip(plan: ClipPlan): Promise<string> {
  const folder = join(cacheDirectory(), "bench");
  const path = join(folder, `clip${VERSION}_${plan.width}x${plan.height}_${plan.frames}.mp4`);
  if (existsSync(path)) return path;
  await Deno.mkdir(folder, { recursive: true });
  const part = join(folder, `${crypto.randomUUID()}.mp4`);
  await using writer = await VideoWriter.open(part, { ...plan, fps: 24, keyframeInterval: 24 });
  for (const data of drawn(plan)) await writer.add({ data });
  await writer.close();
  await Deno.rename(part, path);
  return path;
}

/** Path of stereo sound as WAV: two tones that glide, with noise. */
export async function madeSound(sampleRate: number, seconds: number): Promise<string> {
  const path = join(cacheDirectory(), "bench", `sound${VERSION}_${sampleRate}_${seconds}.wav`);
  if (existsSync(path)) return path;
  const channels = [0, 1].map((channel) =>
    Float32Array.from({ length: sampleRate * seconds }, (_, i) => {
      const time = i / sampleRate;
      const tone = Math.sin(2 * Math.PI * (220 + 90 * channel + 20 * time) * time);
      return 0.3 * tone + 0.001 * (lattice(i, channel) - 128);
    })
  );
  await Deno.mkdir(dirname(path), { recursive: true });
  await writeWhole(path, encodeWav(channels, { sampleRate }));
  return path;
}
