/**
 * Faults of cameras, made over natural clips, and what the measures of pictures find of them; and
 * what they find where there is no fault:
 * `deno run -A bench/clip-drift_pictures.ts faults|frozen|played|cuts|cost FOLDER_OF_CLIPS [--tuning]
 * [--only NAME]` writes its part of `bench/results/clip-drift_pictures.json`. With `--tuning` it looks
 * at the clips that the measures may be tuned on, and writes nothing; with `--only` at one fault.
 *
 * A scene is a frame of a clip that is held for three seconds with a sensor's noise, twice a second;
 * then comes the fault, for two and a half. Clips without a fault are played as they are, once.
 *
 * @module
 */
import { AlertRules, parseRule } from "@vcs/clip-drift/alerts";
import { DriftTracker } from "@vcs/clip-drift/drift";
import { type Encoder, openEncoder } from "@vcs/clip-drift/encoder";
import { fileFrame, PictureMeasures, smallGrey } from "@vcs/clip-drift/internal";
import { watch } from "@vcs/clip-drift";
import { encodeJpeg } from "@vcs/media/image";
import { VideoReader } from "@vcs/media/video_reader";
import { say } from "@vcs/transport/internal";
import { join } from "node:path";
import process from "node:process";
import {
  type Happening,
  HAPPENINGS,
  HUE,
  noisy,
  numbers,
  render,
  type Rgb,
  type Scene,
  shrunk,
  still,
  WIDTH,
} from "./made_faults.ts";

/** Clips that measures and thresholds may be tuned on. */
const TUNING = [
  ...["car_static_cam_h264baseline_12fps.mp4", "bottle_static_40s.mp4", "fire2_rot180.mp4"],
  ...["cps_demo_1080p_h264_bframes.mp4", "nasa_13013_multistream_h264.mp4"],
  ...["phone_portrait_4k60_rot.mp4", "hlg10_hevc_10bit.mp4", "bbb_1keyframe_noB.mp4"],
];
/** Clips that nothing is tuned on. */
const KEPT_OUT = [
  ...["asl_walk_fullrange.mkv", "ucf101_makeup_mpeg4_asp.avi", "kinetics_basketball_h264.mp4"],
  ...["cockatoo_yuv420.mp4", "bikes_highmotion.mp4", "roadtrip_vp9_10bit.webm"],
  ...["carphone_pristine_qcif.mp4", "bear_vp9.webm", "webcam_2byteNAL.mp4"],
  ...["realshort_handheld.mp4", "vidtok_example_256.mp4", "pancake_h264.mkv"],
  ...["sef_slowmo_160x120.mp4"],
];
/** The README's rules; that of `moved` is in shares of the width. */
const RULES = { moved: 0.007, covered: 0.6, blurred: 0.5, dark: 0.5 };
type Name = keyof typeof RULES;
const NAMES = Object.keys(RULES) as Name[];
/** How long a picture stands still to be frozen, and the rule that must find it. */
const [FREEZE_SECONDS, FREEZE_RULE] = [12, "frozen > 10"];
/** Numbers of the frames that become scenes. */
const SCENES_AT = [5, 28];
/** Looks before the fault and with it, two a second. */
const [BEFORE, AFTER] = [6, 5];
const MODELS = ["gist", "gist-colour"] as const;
/** Distance from which a cut is one. */
const CUT = 0.4;

/** The measures and the rules of one camera. */
class Camera {
  readonly raised = new Set<string>();
  /** Whether there was a reference before the fault. */
  watches = false;
  readonly #measures = new PictureMeasures();
  readonly #rules: AlertRules;

  constructor(width: number) {
    const rules = NAMES.map((name) =>
      `${name} > ${RULES[name] * (name === "moved" ? width : 1)} for 1s`
    );
    this.#rules = new AlertRules(rules.map(parseRule));
  }

  see(image: Rgb, time: number): void {
    const row = this.#measures.push(smallGrey(image), image.width, time);
    this.watches = row.covered !== undefined;
    for (const { metric } of this.#rules.push(row, time)) this.raised.add(metric);
  }
}

/** Two frames of a clip, a second apart or less. */
async function framesOf(path: string): Promise<Rgb[]> {
  await using video = await VideoReader.open(path, { hdr: "sdr" });
  const found: Rgb[] = [];
  let index = 0;
  for await (const frame of video.frames()) {
    if (SCENES_AT.includes(index++)) found.push(shrunk({ ...frame, data: frame.data.slice() }));
    if (found.length === SCENES_AT.length) break;
  }
  return found;
}

async function scenesOf(folder: string, clips: readonly string[]): Promise<[string, Scene][]> {
  const frames: [string, Rgb][] = [];
  for (const clip of clips) {
    for (const frame of await framesOf(join(folder, clip))) frames.push([clip, frame]);
  }
  const next = numbers(5);
  return frames.map(([clip, frame], i) => {
    const other = frames[(i + SCENES_AT.length) % frames.length]![1];
    return [clip, { frame, other, vary: Array.from({ length: 5 }, next) }];
  });
}

const stills = new Map<Scene, Rgb>();

/** The scene as it is. */
function pictureOf(scene: Scene): Rgb {
  const known = stills.get(scene) ?? render(scene, still);
  stills.set(scene, known);
  return known;
}

/** The pictures of a camera to which something happens, with the seconds of each. */
function* pictures(
  scene: Scene,
  { change, lives = false }: Happening,
  next: () => number,
): Generator<readonly [Rgb, number]> {
  const before = pictureOf(scene);
  for (let look = 0; look < BEFORE; look++) yield [noisy(before, next), look / 2];
  let after = render(scene, change, 1);
  for (let look = 0; look < AFTER; look++) {
    if (lives && look > 0) after = render(scene, change, look + 1);
    yield [noisy(after, next), (BEFORE + look) / 2];
  }
}

interface Outcome {
  readonly measure?: string;
  made: number;
  /** Scenes with too little to see, of which the measures say before the fault that they have none. */
  unwatched: number;
  found: number;
  readonly missed: string[];
  /** Measures that raised an alert where nothing was to be found, once for each. */
  readonly falsely: string[];
}

/** What a camera raises to which something happens. */
function tryPicture(scene: Scene, happening: Happening, seed: number): Camera {
  const camera = new Camera(WIDTH);
  let watched = false;
  for (const [picture, time] of pictures(scene, happening, numbers(seed))) {
    camera.see(picture, time);
    if (time < BEFORE / 2) watched = camera.watches;
  }
  camera.watches = watched;
  return camera;
}

/** What the measures find of something that happens. */
function outcomeOf(
  happening: Happening,
  scenes: readonly (readonly [string, Scene])[],
): Outcome {
  const { measure } = happening;
  const outcome: Outcome = {
    ...(measure && { measure }),
    ...{ made: 0, unwatched: 0, found: 0, missed: [], falsely: [] },
  };
  for (const [i, [clip, scene]] of scenes.entries()) {
    const { raised, watches } = tryPicture(scene, happening, i + 1);
    outcome.made++;
    outcome.unwatched += Number(!watches);
    if (measure === undefined) {
      outcome.found += Number(raised.size > 0);
      outcome.falsely.push(...raised);
    } else if (raised.has(measure)) outcome.found++;
    else outcome.missed.push(clip);
  }
  return outcome;
}

/** Whether the watch says that a camera's picture stands still, and not while it lives. */
async function isFoundFrozen(scene: Scene, encoder: Encoder): Promise<boolean> {
  const next = numbers(1);
  const living: Uint8Array[] = [];
  for (let i = 0; i < 5; i++) living.push(await encodeJpeg(shown(noisy(pictureOf(scene), next))));
  const frozen = Array.from({ length: FREEZE_SECONDS }, () => living.at(-1)!);
  const frames = [...living, ...frozen].map(fileFrame);
  const source = {
    ...{ name: "made", live: false },
    async *frames() {
      yield* frames;
    },
  };
  const rules = [parseRule(FREEZE_RULE)];
  const raised: number[] = [];
  for await (const { index, alerts } of watch(source, encoder, { rules })) {
    if (alerts.length > 0) raised.push(index);
  }
  return raised.length === 1 && raised[0]! > living.length;
}

/** Whether a model finds a cut in pictures. */
async function hasCut(encoder: Encoder, images: Iterable<Rgb>): Promise<boolean> {
  const tracker = new DriftTracker();
  let most = 0;
  let time = 0;
  for (const image of images) {
    most = Math.max(most, tracker.push(await encoder.encode(image), time++ / 15).cut ?? 0);
  }
  return most > CUT;
}

/** In how many scenes each model finds a cut where something happens. */
async function cuts(scenes: readonly (readonly [string, Scene])[]) {
  const counts: Record<string, Record<string, number>> = {};
  const happenings = [HUE, ...HAPPENINGS.filter(({ measure }) => measure === undefined)];
  for (const model of MODELS) {
    using encoder = await openEncoder({ model, device: "cpu" });
    for (const happening of happenings) {
      const row = counts[happening.name] ??= { made: scenes.length };
      row[model] = 0;
      for (const [i, [, scene]] of scenes.entries()) {
        const images = [...pictures(scene, happening, numbers(i + 1))].map(([image]) => image);
        row[model] += Number(await hasCut(encoder, images.slice(BEFORE - 5)));
      }
      say(`${model}: ${happening.name}: ${row[model]} of ${scenes.length}`);
    }
  }
  return counts;
}

/** What is raised in a clip that is played. */
async function played(path: string): Promise<{ raised: string[]; seconds: number }> {
  await using video = await VideoReader.open(path, { hdr: "sdr" });
  let camera: Camera | undefined;
  let seconds = 0;
  for await (const frame of video.frames()) {
    camera ??= new Camera(frame.width);
    camera.see({ ...frame, data: frame.data as Uint8Array }, seconds = frame.pts);
  }
  say(`${path}: ${[...camera!.raised].join() || "-"}`);
  return { raised: [...camera!.raised], seconds };
}

const shown = ({ data, ...size }: Rgb) => ({ ...size, data: new Uint8Array(data) });

/** Milliseconds of CPU of something; least of five. */
function least(run: () => unknown): number {
  const times = Array.from({ length: 5 }, () => {
    const start = process.cpuUsage();
    for (let i = 0; i < 10; i++) run();
    return process.cpuUsage(start).user / 10_000;
  });
  return Math.min(...times);
}

/** Least, middle and most of some numbers. */
function spread(values: readonly number[]): number[] {
  const sorted = values.toSorted((a, b) => a - b);
  return [0, sorted.length >> 1, -1].map((at) => Number(sorted.at(at)!.toPrecision(2)));
}

/** Milliseconds of CPU of a look at a scene as it was, and when the camera was moved. */
function lookCost(scene: Scene): { still: number; moved: number } {
  const looks = [...pictures(scene, HAPPENINGS[1]!, numbers(1))].map(([image]) => smallGrey(image));
  const measures = new PictureMeasures();
  let time = 0;
  const look = (grey: ReturnType<typeof smallGrey>) => measures.push(grey, WIDTH, time += 0.5);
  for (const grey of looks.slice(0, BEFORE)) look(grey);
  return { still: least(() => look(looks[1]!)), moved: least(() => look(looks.at(-1)!)) };
}

/** What the small copy of a frame of 640×480 costs, and a look: least, middle and most of all scenes. */
function cost(scenes: readonly (readonly [string, Scene])[]): object {
  const big = { width: 640, height: 480, data: new Uint8Array(640 * 480 * 3).map((_, i) => i * 7) };
  for (let i = 0; i < 20; i++) smallGrey(big);
  const looks = scenes.map(([, scene]) => lookCost(scene));
  return {
    small_copy_ms: Number(least(() => smallGrey(big)).toPrecision(2)),
    still_ms: spread(looks.map(({ still }) => still)),
    moved_ms: spread(looks.map(({ moved }) => moved)),
  };
}

/** The clips as they are, without a fault. */
async function playedPart(folder: string, clips: readonly string[]) {
  let seconds = 0;
  const raised: Record<string, string[]> = {};
  for (const clip of clips) {
    const one = await played(join(folder, clip));
    seconds += one.seconds;
    raised[clip] = one.raised;
  }
  return { minutes: Number((seconds / 60).toFixed(2)), clips: raised };
}

async function frozenPart(scenes: readonly (readonly [string, Scene])[]) {
  using encoder = await openEncoder({ model: "gist", device: "cpu" });
  let found = 0;
  for (const [, scene] of scenes) found += Number(await isFoundFrozen(scene, encoder));
  return { measure: "frozen", made: scenes.length, found };
}

const RECORD = new URL("results/clip-drift_pictures.json", import.meta.url);

/** Puts a part into the record; rows of one part come one by one. */
async function keep(part: string, found: object): Promise<void> {
  say(JSON.stringify({ [part]: found }));
  if (Deno.args.includes("--tuning")) return;
  const record = JSON.parse(await Deno.readTextFile(RECORD).catch(() => "{}"));
  const whole = { ...record, [part]: { ...record[part], ...found } };
  await Deno.writeTextFile(RECORD, `${JSON.stringify(whole, null, 2)}\n`);
}

const [part, folder, ...flags] = Deno.args;
if (folder === undefined) throw new TypeError("Cannot measure: expected a part, and a folder");
const clips = flags.includes("--tuning") ? TUNING : KEPT_OUT;
const only = flags.includes("--only") ? flags[flags.indexOf("--only") + 1]! : "";
if (part === "played") await keep(part, await playedPart(folder, clips));
else {
  const scenes = await scenesOf(folder, clips);
  if (part === "frozen") await keep(part, await frozenPart(scenes));
  else if (part === "cuts") await keep(part, await cuts(scenes));
  else if (part === "faults") {
    for (const happening of HAPPENINGS.filter(({ name }) => name.includes(only))) {
      await keep(part, { [happening.name]: outcomeOf(happening, scenes) });
    }
  } else if (part === "cost") await keep(part, cost(scenes));
  else throw new TypeError(`Cannot measure ${part}: expected faults, frozen, played, cuts or cost`);
}
