/**
 * The demo's step for `@vcs/clip-drift`: a made-up camera whose scene changes once, watched by the
 * command, which notifies a webhook.
 *
 * @module
 */
import { serveCamera } from "@vcs/clip-drift";
import { listRuns, readRun, type Run } from "@vcs/clip-drift";
import { drawScene } from "@vcs/clip-drift/internal";
import { encodeJpeg } from "@vcs/media/image";
import { Site, type SiteRequest } from "@vcs/transport/internal";
import { join } from "node:path";
import { interrupt, outputOf, startCommand } from "./commands.ts";

/** A watched frame. */
export interface DriftFrame {
  /** Its image, relative to the demo's folder. */
  readonly image: string;
  /** Number of the frame. */
  readonly index: number;
  /** When it came, in seconds after the first one. */
  readonly time: number;
  /** 1 - the cosine with the frame before. */
  readonly drift: number;
}

/** The one alert. */
export interface DriftAlert {
  /** Name of the rule. */
  readonly rule: string;
  /** Drift of its frame. */
  readonly value: number;
  /** What the rule allows. */
  readonly threshold: number;
  /** Place of its frame among the frames. */
  readonly place: number;
  /** Milliseconds from the camera showing the new scene to the webhook being called. */
  readonly delay: number;
}

/** What the step measured. */
export interface ClipDriftRun {
  /** The encoder. */
  readonly model: string;
  /** Frames in a second that the camera showed. */
  readonly cameraFps: number;
  /** Width and height of its frames. */
  readonly size: readonly [width: number, height: number];
  /** Seconds from the first frame to the last. */
  readonly seconds: number;
  /** Frames that were skipped. */
  readonly dropped: number;
  /** The alert. */
  readonly alert: DriftAlert;
  /** Median drift of all frames. */
  readonly usual: number;
  /** Every frame's drift as a file, relative to the demo's folder. */
  readonly csv: string;
  /** All frames. */
  readonly frames: readonly DriftFrame[];
}

/** An alert as the webhook gets it, as far as the page needs it. */
interface ToldAlert {
  readonly type: string;
  readonly rule: string;
  readonly value: number;
  readonly threshold: number;
  readonly frame: number;
}

/** The camera shows a quay, and a hall once so many frames of it were watched. */
const CAMERA = { fps: 12, cut: 48, width: 480, height: 360 };
/** Time of the first frame in the scenes: the ship is in sight then. */
const BEGIN = 16;
const MODEL = "gist";
/** How long to wait for the alert, and to go on after it. */
const LONGEST_MS = 600_000;
const AFTER_MS = 2500;

/** The JPEG of a frame. */
async function drawFrame(scene: "quay" | "hall", index: number): Promise<Uint8Array> {
  const { fps, width, height } = CAMERA;
  const { data } = drawScene(scene, BEGIN + index / fps, width, height);
  return await encodeJpeg({ width, height, data: new Uint8Array(data) }, { quality: 85 });
}

/** A camera that shows the other scene once enough frames were watched, and when it began to. */
async function showScenes(runs: string) {
  const scenes = { cutAt: NaN };
  const camera = await serveCamera({
    fps: CAMERA.fps,
    async frame(index) {
      if (!scenes.cutAt && await countFrames(runs) < CAMERA.cut) return drawFrame("quay", index);
      const jpeg = await drawFrame("hall", index);
      scenes.cutAt ||= performance.now();
      return jpeg;
    },
  });
  return { camera, scenes };
}

/** How many frames the watch has written down. */
async function countFrames(runs: string): Promise<number> {
  const [name] = await listRuns(runs);
  return name === undefined ? 0 : (await readRun(join(runs, name))).drift.length;
}

/** A URL that waits for one alert. */
async function awaitAlert() {
  const arrival = Promise.withResolvers<{ readonly alert: ToldAlert; readonly at: number }>();
  const take = async ({ request }: SiteRequest) => {
    const at = performance.now();
    arrival.resolve({ alert: await request.json() as ToldAlert, at });
    return new Response();
  };
  const server = await Site.open({ routes: { "POST /": take } });
  return { server, arrival: arrival.promise };
}

/** Fails where a command ends, or too much time passes, before something has come. */
async function beforeTheEnd<T>(wanted: Promise<T>, output: Promise<string>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const message = `no alert came within ${LONGEST_MS / 1000} s`;
  const timer = setTimeout(() => late.reject(new Error(message)), LONGEST_MS);
  const ended = output.then(() => Promise.reject(new Error("clip-drift ended without an alert")));
  try {
    return await Promise.race([wanted, ended, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs the command until its alert and some seconds longer. */
async function watch(stream: string, runs: string) {
  const { server, arrival } = await awaitAlert();
  await using _server = server;
  const args = ["--stream", stream, "--model", MODEL, "--no-display", "--webhook", server.url];
  const command = startCommand("clip-drift", [...args, "--runs", runs], {
    env: { ENCODERS_SNAPSHOT_INTERVAL: "0.001" }, // Keeps the image of every frame.
  });
  const output = outputOf("clip-drift", command);
  try {
    const reported = await beforeTheEnd(arrival, output);
    await new Promise((resolve) => setTimeout(resolve, AFTER_MS));
    return reported;
  } finally {
    interrupt(command);
    await output;
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

async function readFrames(runs: string): Promise<{ run: Run; frames: DriftFrame[] }> {
  const [name] = await listRuns(runs);
  if (name === undefined) throw new Error("clip-drift left no run");
  const run = await readRun(join(runs, name));
  const start = run.drift[0]?.timestamp ?? 0;
  const frames = run.drift.map(({ index, timestamp, drift }) => ({
    image: `clip-drift/${name}/snapshots/frame_${String(index).padStart(6, "0")}.jpg`,
    index,
    time: timestamp - start,
    drift,
  }));
  return { run, frames };
}

/** Watches a camera whose scene changes once. */
export async function runClipDrift(folder: string): Promise<ClipDriftRun> {
  const runs = join(folder, "clip-drift");
  const { camera, scenes } = await showScenes(runs);
  await using _camera = camera;
  const { alert, at } = await watch(camera.url, runs);
  const { run, frames } = await readFrames(runs);
  const place = frames.findIndex(({ index }) => index === alert.frame);
  if (place < 1 || !scenes.cutAt) throw new Error("the alert came before the scene changed");
  return {
    model: MODEL,
    cameraFps: CAMERA.fps,
    size: [CAMERA.width, CAMERA.height],
    seconds: frames.at(-1)!.time,
    dropped: (run.summary as { dropped_frames: number }).dropped_frames,
    alert: {
      rule: alert.rule,
      value: alert.value,
      threshold: alert.threshold,
      place,
      delay: at - scenes.cutAt,
    },
    usual: median(frames.map(({ drift }) => drift)),
    csv: `clip-drift/${run.name}/drift.csv`,
    frames,
  };
}
