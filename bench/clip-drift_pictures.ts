/**
 * Faults of cameras, made over natural clips, and what the measures of pictures find of them; and
 * what they find where there is no fault. Writes `pictures` of `bench/results/clip-drift.json`:
 * `deno run -A bench/clip-drift_pictures.ts FOLDER_OF_CLIPS`.
 *
 * A scene is a frame of a clip that is held for five seconds with a sensor's noise, twice a second;
 * then comes the fault, for three. Clips without a fault are played as they are, once.
 *
 * @module
 */
import { AlertRules, parseRule } from "@vcs/clip-drift/alerts";
import { PictureMeasures, smallGrey } from "@vcs/clip-drift/internal";
import { VideoReader } from "@vcs/media/video_reader";
import { say } from "@vcs/transport/internal";

interface Rgb {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}
type Change = (x: number, y: number, scene: Rgb, tick: number) => [number, number, number];

/** Clips that nothing was tuned on, and that have two frames that differ. */
const CLIPS = [
  ...["asl_walk_fullrange.mkv", "ucf101_makeup_mpeg4_asp.avi", "kinetics_basketball_h264.mp4"],
  ...["cockatoo_yuv420.mp4", "sef_slowmo_160x120.mp4", "bikes_highmotion.mp4", "sar_2x1.mp4"],
  ...["roadtrip_vp9_10bit.webm", "carphone_pristine_qcif.mp4", "bear_vp9.webm"],
];
/** Clips that are played besides. */
const PLAYED = [
  ...["webcam_2byteNAL.mp4", "realshort_handheld.mp4", "vidtok_example_256.mp4"],
  ...["pancake_h264.mkv", "fades_mpeg4.mp4"],
];

/** Share of a frame in each direction that a scene shows, so that what moves in is real. */
const CROP = 0.7;

let seed = 1;
const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;

/** The colour of a frame at a place, between its pixels. */
function sample({ width, height, data }: Rgb, x: number, y: number): [number, number, number] {
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

/** What a camera sees of a frame that was moved: share of the width, degrees, zoom. */
function view(shift: number, degrees: number, zoom: number): Change {
  const [c, s] = [Math.cos(degrees * Math.PI / 180), Math.sin(degrees * Math.PI / 180)];
  return (x, y, frame) => {
    const [px, py] = [x * CROP * frame.width / zoom, y * CROP * frame.width / zoom];
    const dx = shift * CROP * frame.width;
    return sample(
      frame,
      frame.width / 2 + c * px + s * py + dx,
      frame.height / 2 + c * py - s * px,
    );
  };
}
const still = view(0, 0, 1);

const lit = (gain: number, gamma = 1): Change => (x, y, scene, tick) =>
  still(x, y, scene, tick).map((v) => 255 * (gain * v / 255) ** gamma) as [number, number, number];

/** Out of focus by a share of the width. */
const defocused = (sigma: number): Change => (x, y, scene, tick) => {
  let sum = [0, 0, 0];
  for (let i = 0; i < 16; i++) {
    const [angle, radius] = [i * 2.4, sigma * 2 * Math.sqrt((i + 0.5) / 16)];
    const colour = still(x + radius * Math.cos(angle), y + radius * Math.sin(angle), scene, tick);
    sum = sum.map((v, c) => v + colour[c]! / 16);
  }
  return sum as [number, number, number];
};

const covered: Change = (x, y, scene, tick) =>
  x < 0.35 ? [120 + 40 * x, 80 + 30 * y, 60] : still(x, y, scene, tick);
const rain: Change = (x, y, scene, tick) => {
  const colour = still(x, y, scene, tick);
  const streak = Math.sin(800 * (x + 0.15 * y) + 7 * tick) > 0.93 &&
    Math.sin(31 * y + 5 * tick) > 0;
  return streak ? colour.map((v) => Math.min(255, v + 60)) as [number, number, number] : colour;
};
const infrared: Change = (x, y, scene, tick) => {
  const [r, g, b] = still(x, y, scene, tick);
  const grey = 255 * ((0.6 * r + 0.3 * g + 0.1 * b) / 255) ** 0.8 * (1.1 - 0.9 * (x * x + y * y));
  return [grey, grey, grey];
};

/** Faults, the measure that must find each, and what is none. */
const FAULTS: readonly (readonly [string, string | undefined, Change])[] = [
  ["shift 5 %", "moved", view(0.05, 0, 1)],
  ["shift 10 %", "moved", view(0.1, 0, 1)],
  ["rotation 2°", "moved", view(0, 2, 1)],
  ["rotation 5°", "moved", view(0, 5, 1)],
  ["zoom 1.1", "moved", view(0, 0, 1.1)],
  ["zoom 1.3", "moved", view(0, 0, 1.3)],
  ["defocus 1 %", "blurred", defocused(0.01)],
  ["defocus 2 %", "blurred", defocused(0.02)],
  ["cover 85 %", "covered", covered],
  ["darkness 5 %", "dark", lit(0.05)],
  ["light step down", undefined, lit(0.6)],
  ["light step up", undefined, lit(1, 0.7)],
  ["rain", undefined, rain],
  ["IR switch", undefined, infrared],
];

const WIDTH = 256;

/** A picture of a scene. */
function render(scene: Rgb, change: Change, tick: number): Rgb {
  const height = Math.round(WIDTH * scene.height / scene.width);
  const data = new Uint8Array(3 * WIDTH * height);
  for (let i = 0; i < WIDTH * height; i++) {
    const x = (i % WIDTH + 0.5) / WIDTH - 0.5;
    const y = (Math.floor(i / WIDTH) + 0.5 - height / 2) / WIDTH;
    data.set(change(x, y, scene, tick).map((v) => Math.max(0, Math.min(255, v))), 3 * i);
  }
  return { width: WIDTH, height, data };
}

/** The picture as a sensor gives it. */
function noisy({ width, height, data }: Rgb): Rgb {
  const noise = (v: number) => Math.max(0, Math.min(255, v + 6 * (random() - 0.5)));
  return { width, height, data: data.map(noise) };
}

/** The measures and the rules of one camera; the names of what raised an alert. */
class Camera {
  readonly raised = new Set<string>();
  readonly #measures = new PictureMeasures();
  readonly #rules: AlertRules;

  constructor(width: number) {
    const rules = [`moved > ${0.007 * width}`, "covered > 0.6", "blurred > 0.5", "dark > 0.5"];
    this.#rules = new AlertRules(rules.map((rule) => parseRule(`${rule} for 1s`)));
  }

  see(image: Rgb, time: number): void {
    const row = this.#measures.push(smallGrey(image), image.width, time);
    for (const { metric } of this.#rules.push(row, time)) this.raised.add(metric);
  }
}

async function framesOf(path: string, count: number): Promise<Rgb[]> {
  await using video = await VideoReader.open(path);
  const all: Rgb[] = [];
  for await (const frame of video.frames()) {
    all.push({ ...frame, data: new Uint8Array(frame.data) });
    if (all.length === 60) break;
  }
  return Array.from({ length: count }, (_, i) => all[Math.floor((i + 0.5) * all.length / count)]!);
}

async function played(path: string): Promise<{ raised: string[]; seconds: number }> {
  await using video = await VideoReader.open(path);
  let camera: Camera | undefined;
  let seconds = 0;
  for await (const frame of video.frames()) {
    camera ??= new Camera(frame.width);
    camera.see({ ...frame, data: frame.data as Uint8Array }, seconds = frame.pts);
  }
  return { raised: [...camera?.raised ?? []], seconds };
}

const [folder] = Deno.args;
if (folder === undefined) throw new TypeError("Cannot measure: the folder of the clips is needed");
const faults: Record<string, { measure?: string; made: number; found: number }> = {};
const falsely: Record<string, number> = { moved: 0, covered: 0, blurred: 0, dark: 0 };
for (const clip of CLIPS) {
  for (const scene of await framesOf(`${folder}/${clip}`, 2)) {
    const before = render(scene, still, 0);
    for (const [name, measure, change] of FAULTS) {
      const camera = new Camera(WIDTH);
      for (let tick = 0; tick < 10; tick++) camera.see(noisy(before), tick / 2);
      const after = render(scene, change, 0);
      for (let tick = 10; tick < 16; tick++) {
        camera.see(noisy(change === rain ? render(scene, rain, tick) : after), tick / 2);
      }
      const result = faults[name] ??= { ...(measure && { measure }), made: 0, found: 0 };
      result.made++;
      if (measure === undefined) {
        for (const raised of camera.raised) falsely[raised]!++;
        result.found += Number(camera.raised.size > 0);
      } else result.found += Number(camera.raised.has(measure));
      say(`${clip} ${name} ${[...camera.raised].join()}`);
    }
  }
}
let seconds = 0;
const clips: Record<string, string[]> = {};
for (const clip of [...CLIPS, ...PLAYED]) {
  const result = await played(`${folder}/${clip}`);
  seconds += result.seconds;
  clips[clip] = result.raised;
  for (const raised of result.raised) falsely[raised]!++;
}
const pictures = { faults, falsely, played: { minutes: Number((seconds / 60).toFixed(2)), clips } };
const path = new URL("results/clip-drift.json", import.meta.url);
const record = JSON.parse(await Deno.readTextFile(path));
await Deno.writeTextFile(path, `${JSON.stringify({ ...record, pictures }, null, 2)}\n`);
