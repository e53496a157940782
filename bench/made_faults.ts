/**
 * Faults of cameras, and what is none, made over frames of natural clips. A scene shows the middle
 * of a frame, so that what moves in from its edges is real, too.
 *
 * @module
 */

/** An image of RGB bytes. */
export interface Rgb {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** What a picture is made of. */
export interface Scene {
  /** A frame of a clip. */
  readonly frame: Rgb;
  /** A frame of another clip, of which somebody who passes is cut out. */
  readonly other: Rgb;
  /** Numbers of 0 to 1 that vary the fault. */
  readonly vary: readonly number[];
}

type Colour = [number, number, number];
/** Colour at a place of the picture: from its centre, in widths; and the number of the look. */
type Change = (x: number, y: number, scene: Scene, look: number) => Colour;

/** Width of a made picture. */
export const WIDTH = 192;
/** Share of a frame in each direction that a scene shows. */
const CROP = 0.7;

/** Repeatable numbers of 0 to 1. */
export function numbers(seed: number): () => number {
  let state = seed % 2147483646 + 1;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

/** The colour of a frame at a place, between its pixels. */
function sample({ width, height, data }: Rgb, x: number, y: number): Colour {
  const [cx, cy] = [
    Math.max(0, Math.min(width - 1.001, x)),
    Math.max(0, Math.min(height - 1.001, y)),
  ];
  const [x0, y0] = [Math.floor(cx), Math.floor(cy)];
  const [fx, fy] = [cx - x0, cy - y0];
  const at = 3 * (y0 * width + x0);
  const below = at + 3 * width;
  const channel = (c: number) => {
    const top = data[at + c]! * (1 - fx) + data[at + 3 + c]! * fx;
    return top * (1 - fy) + (data[below + c]! * (1 - fx) + data[below + 3 + c]! * fx) * fy;
  };
  return [channel(0), channel(1), channel(2)];
}

/** What a camera sees that was moved: by shares of the width, radians, zoom. */
function view({ frame }: Scene, x: number, y: number, move: {
  readonly dx?: number;
  readonly dy?: number;
  readonly angle?: number;
  readonly zoom?: number;
} = {}): Colour {
  const { dx = 0, dy = 0, angle = 0, zoom = 1 } = move;
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const scale = CROP * frame.width;
  const [px, py] = [x / zoom, y / zoom];
  return sample(
    frame,
    frame.width / 2 + scale * (c * px + s * py + dx),
    frame.height / 2 + scale * (c * py - s * px + dy),
  );
}

/** The scene as it is. */
export const still: Change = (x, y, scene) => view(scene, x, y);

const mapped = (colour: Colour, change: (value: number) => number) => colour.map(change) as Colour;

/** In any direction. */
const shifted = (share: number): Change => (x, y, scene) => {
  const direction = 2 * Math.PI * scene.vary[0]!;
  return view(scene, x, y, { dx: share * Math.cos(direction), dy: share * Math.sin(direction) });
};
/** To either side. */
const turned = (degrees: number): Change => (x, y, scene) =>
  view(scene, x, y, { angle: (scene.vary[0]! < 0.5 ? -1 : 1) * degrees * Math.PI / 180 });
const zoomed = (zoom: number): Change => (x, y, scene) => view(scene, x, y, { zoom });

/** Each point becomes a disc, whose radius is a share of the width. */
const defocused = (radius: number): Change => (x, y, scene) => {
  const sum: Colour = [0, 0, 0];
  for (let i = 0; i < 16; i++) {
    const [angle, distance] = [i * 2.4, radius * Math.sqrt((i + 0.5) / 16)];
    const [dx, dy] = [distance * Math.cos(angle), distance * Math.sin(angle)];
    view(scene, x + dx, y + dy).forEach((value, c) => sum[c]! += value / 16);
  }
  return sum;
};

/** Something smooth before the lens, from any side, over four fifths to all of the picture. */
const covered: Change = (x, y, scene, look) => {
  const [side, share, red, green, blue] = scene.vary as Colour & number[];
  const [c, s] = [Math.cos(2 * Math.PI * side!), Math.sin(2 * Math.PI * side!)];
  const ratio = scene.frame.height / scene.frame.width;
  const [depth, length] = [c * x + s * y, Math.abs(c) + Math.abs(s) * ratio];
  if (depth > length * (0.3 + 0.2 * share!)) return still(x, y, scene, look);
  const light = 1 + 0.5 * depth + 0.2 * Math.sin(7 * x - 4 * y);
  return [40 + 150 * red!, 40 + 150 * green!, 40 + 150 * blue!].map((v) => v * light) as Colour;
};

const dark: Change = (x, y, scene, look) => mapped(still(x, y, scene, look), (v) => 0.05 * v);

/** A lamp is switched on or off, or the camera's exposure follows. */
const lightStep: Change = (x, y, scene, look) => {
  const [which, amount] = scene.vary as Colour;
  const colour = still(x, y, scene, look);
  if (which < 0.33) return mapped(colour, (v) => v * (0.4 + 0.4 * amount));
  if (which < 0.66) return mapped(colour, (v) => 255 * (v / 255) ** (0.6 + 0.2 * amount));
  return mapped(colour, (v) => v * (1.2 + 0.4 * amount));
};

/** A lamp of a warmer or colder white. */
const warmLight: Change = (x, y, scene, look) => {
  const warmth = 0.75 + 0.5 * scene.vary[0]!;
  const [r, g, b] = still(x, y, scene, look);
  return [r * Math.sqrt(warmth), g, b / Math.sqrt(warmth)];
};

/** Grey, with other brightness of each colour, and a lamp at the camera. */
const infrared: Change = (x, y, scene, look) => {
  const [r, g, b] = still(x, y, scene, look);
  const [first, second] = scene.vary as Colour;
  const [red, green] = [0.3 + 0.4 * first, 0.15 + 0.3 * second];
  const grey = red * r + green * g + (1 - red - green) * b;
  const lit = 255 * (grey / 255) ** 0.8 * (1.1 - 0.9 * (x * x + y * y));
  return [lit, lit, lit];
};

/** A repeatable number of 0 to 1 for two whole numbers. */
function hash(a: number, b: number): number {
  let n = Math.imul(a, 374761393) + Math.imul(b, 668265263);
  n = Math.imul(n ^ (n >>> 13), 1274126177);
  return ((n ^ (n >>> 16)) >>> 0) / 2 ** 32;
}

/** Streaks in other places at each look. */
const rain: Change = (x, y, scene, look) => {
  const colour = still(x, y, scene, look);
  const column = Math.floor((x + 0.15 * y + 1) * 150);
  const cell = Math.floor((y + 1) * 12);
  const seed = 1000 * look + Math.floor(999 * scene.vary[0]!);
  if (hash(64 * column + cell, seed) > 0.12) return colour;
  const light = 30 + 50 * hash(64 * column + cell, seed + 1e6);
  return mapped(colour, (v) => v + light * (1 - v / 255));
};

/** Somebody who goes from one side to the other, over up to two fifths of the picture. */
const passing: Change = (x, y, scene, look) => {
  const ratio = scene.frame.height / scene.frame.width;
  const left = -0.6 + 0.12 * look + 0.1 * scene.vary[0]!;
  const half = 0.12 + 0.08 * scene.vary[1]!;
  const [u, v] = [(x - left) / half, (y - 0.1 * ratio) / (0.55 * ratio)];
  if (u * u + v * v > 1) return still(x, y, scene, look);
  return view({ ...scene, frame: scene.other }, 0.8 * (x - left), 0.8 * y);
};

/** Every hue is another by so many degrees; brightness stays. */
const hueTurned = (degrees: number): Change => (x, y, scene, look) => {
  const [r, g, b] = still(x, y, scene, look);
  const [c, s] = [Math.cos(degrees * Math.PI / 180), Math.sin(degrees * Math.PI / 180)];
  const luma = 0.299 * r + 0.587 * g + 0.114 * b;
  const [i, q] = [0.596 * r - 0.274 * g - 0.322 * b, 0.211 * r - 0.523 * g + 0.312 * b];
  const [u, v] = [c * i - s * q, s * i + c * q];
  return [luma + 0.956 * u + 0.621 * v, luma - 0.272 * u - 0.647 * v, luma - 1.106 * u + 1.703 * v];
};

/** Something that may happen to a camera. */
export interface Happening {
  readonly name: string;
  /** The measure that must find it; none where it is no fault. */
  readonly measure?: string;
  /** Whether it looks different at each look. */
  readonly lives?: boolean;
  readonly change: Change;
}

/** What happens in the pictures of a camera. */
export const HAPPENINGS: readonly Happening[] = [
  { name: "shift by 5 % of the width", measure: "moved", change: shifted(0.05) },
  { name: "shift by 10 %", measure: "moved", change: shifted(0.1) },
  { name: "rotation by 2°", measure: "moved", change: turned(2) },
  { name: "rotation by 5°", measure: "moved", change: turned(5) },
  { name: "zoom 1.1", measure: "moved", change: zoomed(1.1) },
  { name: "zoom 1.3", measure: "moved", change: zoomed(1.3) },
  { name: "defocus, discs of 2 % of the width", measure: "blurred", change: defocused(0.02) },
  { name: "defocus, discs of 4 %", measure: "blurred", change: defocused(0.04) },
  { name: "cover over 80 to 100 %", measure: "covered", change: covered },
  { name: "darkness, 5 % of the light", measure: "dark", change: dark },
  { name: "light step", change: lightStep },
  { name: "warmer or colder light", change: warmLight },
  { name: "rain", change: rain, lives: true },
  { name: "IR switch", change: infrared },
  { name: "somebody passes", change: passing, lives: true },
];

/** Every hue by 60°, which only a model that sees colour finds. */
export const HUE: Happening = { name: "hue + 60°", measure: "cut", change: hueTurned(60) };

/** An image at most three times as wide as a picture, each pixel the mean of those that it covers. */
export function shrunk(image: Rgb): Rgb {
  const step = Math.floor(image.width / (2 * WIDTH));
  if (step < 2) return image;
  const [width, height] = [Math.floor(image.width / step), Math.floor(image.height / step)];
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < data.length; i++) {
    const [pixel, c] = [Math.floor(i / 3), i % 3];
    const first = step * (Math.floor(pixel / width) * image.width + pixel % width);
    let sum = 0;
    for (let k = 0; k < step * step; k++) {
      sum += image.data[3 * (first + Math.floor(k / step) * image.width + k % step) + c]!;
    }
    data[i] = sum / (step * step);
  }
  return { width, height, data };
}

/** A picture of a scene. */
export function render(scene: Scene, change: Change, look = 0): Rgb {
  const height = Math.round(WIDTH * scene.frame.height / scene.frame.width);
  const data = new Uint8Array(3 * WIDTH * height);
  for (let i = 0; i < WIDTH * height; i++) {
    const x = (i % WIDTH + 0.5) / WIDTH - 0.5;
    const y = (Math.floor(i / WIDTH) + 0.5 - height / 2) / WIDTH;
    const colour = change(x, y, scene, look);
    for (let c = 0; c < 3; c++) data[3 * i + c] = Math.max(0, Math.min(255, colour[c]!));
  }
  return { width: WIDTH, height, data };
}

/** The picture as a sensor gives it. */
export function noisy({ width, height, data }: Rgb, next: () => number): Rgb {
  const noise = (v: number) => Math.max(0, Math.min(255, v + 6 * (next() - 0.5)));
  return { width, height, data: data.map(noise) };
}
