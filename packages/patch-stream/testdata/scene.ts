/**
 * A made scene: a textured square moves over a background that the camera pans, zooms and turns
 * over, under light that changes. It is known where the square is.
 */
import { random } from "#testing/fuzz.ts";
import type { Grid } from "../sampling/grid.ts";

/** What camera and light do at a time in seconds. */
export interface SceneOptions {
  /** Pan in pixels a second. */
  readonly pan?: number;
  /** Growth of the picture a second, as a share. */
  readonly zoom?: number;
  /** Turn in radians a second. */
  readonly turn?: number;
  /** Factor and addition of luma at a frame. */
  readonly light?: (frame: number) => readonly [gain: number, offset: number];
  /** Deviation of the noise. */
  readonly noise?: number;
}

/** Size and number of the frames, and the side of the square. */
export const SCENE = { width: 640, height: 360, frames: 16, seconds: 4, side: 56 } as const;

/** Smooth noise of several scales, 0 to 1, that repeats after 1024 pixels. */
function texture(seed: number, finest: number): (x: number, y: number) => number {
  const next = random(seed);
  const lattice = Float32Array.from({ length: 256 * 256 }, next);
  const at = (x: number, y: number) => lattice[(y & 255) * 256 + (x & 255)]!;
  const smooth = (x: number, y: number) => {
    const [column, row] = [Math.floor(x), Math.floor(y)];
    const [right, below] = [x - column, y - row];
    const above = at(column, row) * (1 - right) + at(column + 1, row) * right;
    const under = at(column, row + 1) * (1 - right) + at(column + 1, row + 1) * right;
    return above * (1 - below) + under * below;
  };
  const scales = [128, 64, 32, 16, 8, 4].filter((scale) => scale >= finest);
  const total = scales.reduce((sum, scale) => sum + scale ** 0.6, 0);
  return (x, y) =>
    scales.reduce((sum, s) => sum + s ** 0.6 * smooth(x / s + 7 * s, y / s + 3 * s), 0) / total;
}

/** Where the square's upper left corner is in a frame. */
export function squareAt(frame: number): [x: number, y: number] {
  const time = frame * SCENE.seconds / SCENE.frames;
  return [40 + 120 * time, 150 + 40 * Math.sin(3 * time)];
}

/** The frames, RGB of 8 bits. */
export function makeScene(options: SceneOptions = {}): Uint8Array[] {
  const [ground, square] = [texture(3, 8), texture(4, 4)];
  const noise = random(8);
  return Array.from({ length: SCENE.frames }, (_, frame) => {
    const time = frame * SCENE.seconds / SCENE.frames;
    const [gain, offset] = options.light?.(frame) ?? [1, 0];
    const [left, top] = squareAt(frame).map(Math.round) as [number, number];
    const pixel = (x: number, y: number) => {
      const [u, v] = [x - left, y - top];
      if (u >= 0 && v >= 0 && u < SCENE.side && v < SCENE.side) return 255 * square(3 * u, 3 * v);
      return 30 + 170 * ground(...groundPlace(x, y, time, options));
    };
    const data = new Uint8Array(3 * SCENE.width * SCENE.height);
    for (let n = 0; n < data.length; n += 3) {
      const at = n / 3;
      const luma = pixel(at % SCENE.width, Math.floor(at / SCENE.width));
      const seen = gain * luma + offset + (options.noise ?? 0) * (noise() + noise() - 1) * 2.45;
      data.fill(Math.min(255, Math.max(0, Math.round(seen))), n, n + 3);
    }
    return data;
  });
}

/** The place on the background that a pixel shows. */
function groundPlace(
  x: number,
  y: number,
  time: number,
  { pan = 0, zoom = 0, turn = 0 }: SceneOptions,
): [number, number] {
  const [u, v] = [x - SCENE.width / 2, y - SCENE.height / 2];
  const scale = 1 / (1 + zoom * time);
  const [cosine, sine] = [Math.cos(turn * time), Math.sin(turn * time)];
  return [
    scale * (cosine * u - sine * v) + pan * time + 2000,
    scale * (sine * u + cosine * v) + 2000,
  ];
}

/** Whether a patch shows part of the square. */
export function onSquare(grid: Grid, frame: number, row: number, column: number): boolean {
  const [x, y] = squareAt(frame);
  const [across, down] = [SCENE.width / grid.gridW, SCENE.height / grid.gridH];
  return column * across < x + SCENE.side && (column + 1) * across > x &&
    row * down < y + SCENE.side && (row + 1) * down > y;
}
