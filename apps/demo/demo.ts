/**
 * The demo as a function: runs each package on media of ours, and writes a page about that run.
 *
 * @module
 */
import { say } from "@vcs/transport/internal";
import { arch, cpus, platform } from "node:os";
import { join, resolve } from "node:path";
import { type ClipDriftRun, runClipDrift } from "./clip_drift.ts";
import { type EncodecStreamRun, runEncodecStream } from "./encodec_stream.ts";
import { milliseconds, number, percent } from "./html.ts";
import { demoPage } from "./page.ts";
import { type PatchStreamRun, runPatchStream } from "./patch_stream.ts";
import { runTogether, type TogetherRun } from "./together.ts";
import { runVideoVq, type VideoVqRun } from "./video_vq.ts";

/** Where a demo ran. */
export interface Machine {
  /** Name of the processor. */
  readonly processor: string;
  /** Logical processors. */
  readonly cores: number;
  /** Operating system and architecture. */
  readonly system: string;
  /** Version of Deno. */
  readonly deno: string;
}

/** All that a demo measured: the page shows nothing else, and `run.json` holds it. */
export interface DemoRun {
  /** When it began, as ISO 8601. */
  readonly startedAt: string;
  /** Seconds from the beginning to the page. */
  readonly seconds: number;
  /** Where it ran. */
  readonly machine: Machine;
  /** Patches of the film. */
  readonly patchStream: PatchStreamRun;
  /** The film as tokens. */
  readonly videoVq: VideoVqRun;
  /** The sentence as codes. */
  readonly encodecStream: EncodecStreamRun;
  /** The watched camera. */
  readonly clipDrift: ClipDriftRun;
  /** The film with the sentence as its sound. */
  readonly together: TogetherRun;
}

const STEPS = 5;

/** Runs a step; says how it went, or which one failed. */
async function step<T>(
  place: number,
  name: string,
  run: () => Promise<T>,
  describe: (outcome: T) => string,
): Promise<T> {
  const start = performance.now();
  say(`${place}/${STEPS} ${name}`);
  try {
    const outcome = await run();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    say(`${place}/${STEPS} ${name}: ${describe(outcome)} (${seconds} s)\n`);
    return outcome;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : cause;
    const message = `Cannot go on: step ${place} of ${STEPS}, ${name}, failed: ${reason}`;
    throw new Error(message, { cause });
  }
}

const tellPatchStream = ({ kept, patches, energyShare }: PatchStreamRun) =>
  `${number(kept)} of ${number(patches)} patches carry ${percent(energyShare)} of the energy`;
const tellVideoVq = ({ bitrate, psnr, delay }: VideoVqRun) =>
  `${number(bitrate / 1000, 1)} kbit/s, ${number(psnr, 1)} dB, ${
    milliseconds(1000 * delay.measured)
  } behind`;
const tellEncodecStream = ({ pcmBytes, coded }: EncodecStreamRun) =>
  `${number(pcmBytes)} bytes of PCM in ${coded.map(({ bytes }) => number(bytes)).join(", ")}`;
const tellClipDrift = ({ frames, alert }: ClipDriftRun) =>
  `one alert in ${frames.length} frames, ${milliseconds(alert.delay)} after the scene changed`;
const tellTogether = ({ windows, blocks, bitrate }: TogetherRun) =>
  `${windows} windows and ${blocks} blocks of sound, ${number(bitrate / 1000, 1)} kbit/s`;

function describeMachine(): Machine {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? "unknown",
    cores: navigator.hardwareConcurrency,
    system: `${platform()} ${arch()}`,
    deno: Deno.version.deno,
  };
}

/** What a demo leaves in its folder. */
const OUTPUT = [
  "run.json",
  "index.html",
  "patch-stream",
  "video-vq",
  "encodec-stream",
  "clip-drift",
  "together",
];

/**
 * Makes a folder, or removes from it what an earlier demo left.
 *
 * @throws {Error} where it holds anything else
 */
export async function emptyFolder(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  const other = names.find((name) => !OUTPUT.includes(name));
  if (other !== undefined) {
    throw new Error(
      `Cannot make the demo in ${folder}: found ${other}, expected an empty folder or an earlier demo`,
    );
  }
  for (const name of names) await Deno.remove(join(folder, name), { recursive: true });
}

/**
 * Runs the demo.
 *
 * @param folder an empty folder for all that it makes
 * @returns path of the page
 * @throws {Error} where a step fails, naming it
 */
export async function runDemo(folder: string): Promise<string> {
  const startedAt = new Date().toISOString();
  const start = performance.now();
  const patchStream = await step(1, "patch-stream", () => runPatchStream(folder), tellPatchStream);
  const videoVq = await step(2, "video-vq", () => runVideoVq(folder), tellVideoVq);
  const encodecStream = await step(
    3,
    "encodec-stream",
    () => runEncodecStream(folder),
    tellEncodecStream,
  );
  const clipDrift = await step(4, "clip-drift", () => runClipDrift(folder), tellClipDrift);
  const together = await step(5, "together", () => runTogether(folder), tellTogether);
  const run: DemoRun = {
    startedAt,
    seconds: (performance.now() - start) / 1000,
    machine: describeMachine(),
    patchStream,
    videoVq,
    encodecStream,
    clipDrift,
    together,
  };
  await Deno.writeTextFile(join(folder, "run.json"), JSON.stringify(run, undefined, 1) + "\n");
  const page = resolve(folder, "index.html");
  await Deno.writeTextFile(page, demoPage(run));
  return page;
}
