/**
 * A small film, drawn pixel by pixel: dusk over hills, a balloon drifts, a train crosses the
 * valley, birds pass. Most of the frame is still, a little of it moves: what patch selection is
 * about.
 *
 * @module
 */

/** Size and length of the film. */
export const SCENE = { width: 640, height: 360, fps: 24, frames: 144 } as const;

type Color = readonly [red: number, green: number, blue: number];

const { width, height, frames } = SCENE;

const mix = (a: Color, b: Color, part: number): Color => [
  a[0] + (b[0] - a[0]) * part,
  a[1] + (b[1] - a[1]) * part,
  a[2] + (b[2] - a[2]) * part,
];
const clamp = (x: number) => Math.min(1, Math.max(0, x));

/** A repeatable number of 0 to 1 for a point of the lattice. */
function lattice(x: number, y: number): number {
  let n = Math.imul(x, 374761393) + Math.imul(y, 668265263);
  n = Math.imul(n ^ (n >>> 13), 1274126177);
  return ((n ^ (n >>> 16)) >>> 0) / 4294967296;
}

/** Smooth noise of 0 to 1. */
function noise(x: number, y: number): number {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const ease = (t: number) => t * t * (3 - 2 * t);
  const [u, v] = [ease(x - left), ease(y - top)];
  const above = lattice(left, top) * (1 - u) + lattice(left + 1, top) * u;
  const below = lattice(left, top + 1) * (1 - u) + lattice(left + 1, top + 1) * u;
  return above * (1 - v) + below * v;
}

const cloud = (x: number, y: number) =>
  0.55 * noise(x / 90, y / 26) + 0.3 * noise(x / 38, y / 12) + 0.15 * noise(x / 15, y / 6);

/** Hills from far to near: how high they stand, how rough they are, their colour. */
const HILLS: readonly { base: number; rise: number; scale: number; color: Color }[] = [
  { base: 190, rise: 62, scale: 150, color: [92, 88, 122] },
  { base: 226, rise: 50, scale: 105, color: [66, 70, 96] },
  { base: 268, rise: 44, scale: 80, color: [44, 56, 66] },
];
const MEADOW: Color = [30, 42, 38];
const GROUND = 300;

const ridge = (hill: typeof HILLS[number], n: number, x: number) =>
  hill.base - hill.rise * (0.7 * noise(x / hill.scale, n * 17) + 0.3 * noise(x / 23, n * 31));

function sky(x: number, y: number): Color {
  const high = mix([248, 176, 118], [58, 74, 128], clamp(1 - y / 235));
  const glow = Math.exp(-((x - 455) ** 2 + 2.2 * (y - 196) ** 2) / 9000);
  const lit = mix(high, [255, 226, 164], 0.85 * glow);
  return mix(lit, [255, 208, 178], 0.5 * clamp(2.6 * cloud(x, y) - 1.25) * clamp(1.4 - y / 180));
}

function backdrop(x: number, y: number): Color {
  let color = sky(x, y);
  HILLS.forEach((hill, n) => {
    const top = ridge(hill, n, x);
    if (y < top) return;
    const grain = 0.86 + 0.28 * noise(x / (5 - n), y / (4 - n));
    const haze = clamp(1 - (y - top) / 90) * (0.34 - 0.1 * n);
    const [red, green, blue] = mix(hill.color, [232, 168, 130], haze);
    color = [red * grain, green * grain, blue * grain];
  });
  if (y < GROUND + 10 * noise(x / 60, 5)) return color;
  const grass = 0.6 + 0.9 * noise(x / 2.5, y / 1.6);
  return [MEADOW[0] * grass, MEADOW[1] * grass, MEADOW[2] * grass];
}

/** A canvas of RGB with soft shapes. */
class Canvas {
  constructor(readonly data: Uint8Array) {}

  blend(x: number, y: number, color: Color, alpha: number): void {
    if (x < 0 || y < 0 || x >= width || y >= height || alpha <= 0) return;
    const at = 3 * (y * width + x);
    for (let c = 0; c < 3; c++) {
      this.data[at + c] = this.data[at + c]! +
        (color[c]! - this.data[at + c]!) * Math.min(1, alpha);
    }
  }

  /** Colours every pixel of a box by its signed distance to a shape, negative inside. */
  shape(
    [left, top, right, bottom]: readonly [number, number, number, number],
    distance: (x: number, y: number) => number,
    color: (x: number, y: number) => Color,
  ): void {
    for (let y = Math.floor(top); y <= bottom; y++) {
      for (let x = Math.floor(left); x <= right; x++) {
        this.blend(x, y, color(x, y), 0.5 - distance(x, y));
      }
    }
  }
}

function drawBalloon(canvas: Canvas, time: number): void {
  const x = 120 + 62 * time;
  const y = 128 - 9 * time + 4 * Math.sin(1.3 * time);
  const stripes: readonly Color[] = [[214, 64, 52], [245, 190, 72], [236, 232, 220], [
    46,
    108,
    148,
  ]];
  const envelope = (px: number, py: number) => {
    const pinch = py > y ? 1 + 0.55 * ((py - y) / 40) ** 2 : 1;
    return Math.hypot((px - x) * pinch, (py - y) * (py > y ? 0.92 : 1.06)) - 34;
  };
  canvas.shape([x - 38, y - 40, x + 38, y + 44], envelope, (px, py) => {
    const across = Math.asin(clamp(Math.abs(px - x) / 36) * Math.sign(px - x));
    const stripe = stripes[((Math.floor(across / 0.42 + 40) % 4) + 4) % 4]!;
    return mix(stripe, [20, 18, 30], clamp((x - px + 0.4 * (py - y)) / 70));
  });
  for (const side of [-7, 7]) {
    canvas.shape(
      [x - 10, y + 32, x + 10, y + 52],
      (px, py) => Math.abs(px - x - side * (1 - (py - y - 32) / 46)) - 0.3,
      () => [60, 44, 40],
    );
  }
  canvas.shape(
    [x - 9, y + 48, x + 9, y + 62],
    (px, py) => Math.max(Math.abs(px - x) - 6.5, Math.abs(py - y - 55) - 4.5),
    (_, py) => py < y + 53 ? [168, 112, 66] : [118, 74, 46],
  );
}

function drawTrain(canvas: Canvas, time: number): void {
  const front = -60 + 178 * Math.max(0, time - 1.2);
  const rail = 297;
  for (let car = 0; car < 6; car++) {
    const centre = front - 62 * car;
    const body: Color = car === 0 ? [196, 58, 44] : [222, 214, 196];
    canvas.shape(
      [centre - 31, rail - 23, centre + 31, rail],
      (px, py) => Math.max(Math.abs(px - centre) - 28.5, Math.abs(py - rail + 11) - 10),
      (px, py) => {
        const window = py > rail - 18 && py < rail - 9 &&
          Math.abs((px - centre + 60) % 11 - 5.5) < 3.6;
        if (window && car > 0) return [255, 214, 120];
        return py > rail - 5 ? [50, 46, 50] : mix(body, [70, 60, 66], clamp((py - rail + 21) / 40));
      },
    );
  }
}

function drawBirds(canvas: Canvas, time: number): void {
  for (let bird = 0; bird < 9; bird++) {
    const x = 700 - 118 * (time - 2) + 24 * bird + 10 * lattice(bird, 3);
    const y = 66 + 7 * Math.abs(bird - 4) + 5 * Math.sin(2 * time + bird);
    const flap = 5 * Math.sin(13 * time + 1.7 * bird);
    canvas.shape(
      [x - 10, y - 8, x + 10, y + 8],
      (px, py) => {
        const out = Math.abs(px - x) / 8;
        return Math.max(Math.abs(py - y + flap * out * (1.4 - out)) - 0.9 + 0.5 * out, out * 8 - 8);
      },
      () => [34, 30, 44],
    );
  }
}

/** The film's frames, RGB, [height, width, 3]; each is a buffer of its own. */
export function* drawScene(): Generator<Uint8Array<ArrayBuffer>> {
  const still = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) still.set(backdrop(x, y).map(Math.round), 3 * (y * width + x));
  }
  for (let n = 0; n < frames; n++) {
    const time = n / SCENE.fps;
    const canvas = new Canvas(still.slice());
    drawBalloon(canvas, time);
    drawTrain(canvas, time);
    drawBirds(canvas, time);
    yield canvas.data as Uint8Array<ArrayBuffer>;
  }
}
