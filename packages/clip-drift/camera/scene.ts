/**
 * Images of scenes that do not exist, for the simulated camera: a quay with a crossing
 * ship, and a hall with a walking figure. Both move a little and have a sensor's noise.
 *
 * @module
 */
import { encodeJpeg } from "@vcs/media/image";
import type { RgbImage } from "../clip/preprocess.ts";

/** A scene to draw. */
export type Scene = "quay" | "hall";

/** Every scene. */
export const SCENES: readonly Scene[] = ["quay", "hall"];

type Colour = readonly [number, number, number];
/** The colour at a point (0 to 1 each way) and a time in seconds. */
type Painter = (x: number, y: number, time: number) => Colour;

const inBox = (x: number, y: number, left: number, top: number, width: number, height: number) =>
  x >= left && x < left + width && y >= top && y < top + height;

const quay: Painter = (x, y, time) => {
  const ship = (time * 0.02) % 1.4 - 0.2;
  if (inBox(x, y, ship, 0.42, 0.14, 0.06)) return [150, 40, 30];
  if (inBox(x, y, ship + 0.05, 0.36, 0.04, 0.06)) return [230, 225, 210];
  if (y < 0.45) return [120 + 60 * y, 160 + 70 * y, 215];
  if (y < 0.72) {
    const wave = Math.sin(90 * y + 6 * Math.sin(7 * x + time));
    return [30 + 8 * wave, 80 + 10 * wave, 120 + 12 * wave];
  }
  return Math.floor(24 * x + 18 * (y - 0.72)) % 2 === 0 ? [120, 112, 100] : [104, 97, 88];
};

const hall: Painter = (x, y, time) => {
  const walker = 0.5 + 0.3 * Math.sin(time * 0.5);
  if ((x - walker) ** 2 + (y - 0.5) ** 2 < 0.0015) return [210, 160, 130];
  if (inBox(x, y, walker - 0.03, 0.54, 0.06, 0.24)) return [60, 60, 90];
  if (y > 0.78) return Math.floor(30 * x / (y - 0.5)) % 2 === 0 ? [70, 60, 55] : [95, 84, 76];
  if (Math.floor(9 * x) % 3 === 0 && y > 0.1) return [188, 178, 160];
  return y < 0.1 ? [235, 232, 220] : [142, 132 + 10 * y, 118];
};

const PAINTERS: Readonly<Record<Scene, Painter>> = { quay, hall };

/** A fast generator of noise, -1 to 1. */
function noiseOf(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2147483648;
  };
}

/**
 * Draws a scene.
 *
 * @param scene which
 * @param time in seconds; things move
 * @param width in pixels
 * @param height in pixels
 */
export function drawScene(scene: Scene, time: number, width: number, height: number): RgbImage {
  const paint = PAINTERS[scene];
  const noise = noiseOf(Math.round(time * 1000) + 1);
  const data = new Uint8Array(width * height * 3);
  let at = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const grain = 4 * noise();
      for (const level of paint(column / width, row / height, time)) {
        data[at++] = Math.min(255, Math.max(0, level + grain));
      }
    }
  }
  return { width, height, data };
}

/** What a simulated camera shows. */
export interface SceneOptions {
  /** Frames per second. Default: 15. */
  readonly fps?: number;
  /** Seconds after which it shows the other scene, again and again. Default: never. */
  readonly cut?: number;
  /** Width in pixels. Default: 640. */
  readonly width?: number;
  /** Height in pixels. Default: 480. */
  readonly height?: number;
  /** JPEG quality. Default: 80. */
  readonly quality?: number;
}

/** Returns the JPEGs of a simulated camera by index, as `serveCamera` takes them. */
export function sceneFrames(options: SceneOptions = {}): (index: number) => Promise<Uint8Array> {
  const { fps = 15, cut = Infinity, width = 640, height = 480, quality = 80 } = options;
  return async (index) => {
    const time = index / fps;
    const scene = SCENES[Math.floor(time / cut) % SCENES.length]!;
    const { data, ...size } = drawScene(scene, time, width, height);
    return await encodeJpeg({ ...size, data: new Uint8Array(data) }, { quality });
  };
}
