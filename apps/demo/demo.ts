/**
 * The demo as a function: runs each package on media of ours, and writes a page about that run.
 *
 * @module
 */
import { say } from "@vcs/transport/cli";
import { arch, cpus, platform } from "node:os";
import { join } from "node:path";
import { type ClipDriftRun, runClipDrift } from "./clip_drift.ts";
import type { EncodecStreamRun } from "./encodec_stream.ts";
import { demoPage } from "./page.ts";
import { type PatchStreamRun, runPatchStream } from "./patch_stream.ts";
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
  readonly encodecStream?: EncodecStreamRun;
  /** The watched camera. */
  readonly clipDrift: ClipDriftRun;
}

const STEPS = 3;

/** Runs a step; says how it goes, and which one failed. */
async function step<T>(number: number, name: string, run: () => Promise<T>): Promise<T> {
  const start = performance.now();
  say(`${number}/${STEPS} ${name}`);
  try {
    const outcome = await run();
    say(
      `${number}/${STEPS} ${name}: done in ${((performance.now() - start) / 1000).toFixed(1)} s\n`,
    );
    return outcome;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : cause;
    throw new Error(`Cannot go on: step ${number} of ${STEPS}, ${name}, failed: ${reason}`, {
      cause,
    });
  }
}

function describeMachine(): Machine {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? "unknown",
    cores: navigator.hardwareConcurrency,
    system: `${platform()} ${arch()}`,
    deno: Deno.version.deno,
  };
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
  const patchStream = await step(1, "patch-stream", () => runPatchStream(folder));
  const videoVq = await step(2, "video-vq", () => runVideoVq(folder));
  const clipDrift = await step(3, "clip-drift", () => runClipDrift(folder));
  const run: DemoRun = {
    startedAt,
    seconds: (performance.now() - start) / 1000,
    machine: describeMachine(),
    patchStream,
    videoVq,
    clipDrift,
  };
  await Deno.writeTextFile(join(folder, "run.json"), JSON.stringify(run, undefined, 1) + "\n");
  const page = join(folder, "index.html");
  await Deno.writeTextFile(page, demoPage(run));
  return page;
}
