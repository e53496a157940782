/**
 * Chooses between FFmpeg in process and the installed programs.
 *
 * @module
 */
import type { Backend } from "./backend.ts";
import { MediaError } from "../errors.ts";
import { loadNodeAv } from "./node_av.ts";

/** Whether a program can be started. */
async function canRun(program: string): Promise<boolean> {
  try {
    const command = new Deno.Command(program, {
      args: ["-version"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    return (await command.output()).success;
  } catch {
    return false;
  }
}

let programs: Promise<boolean> | undefined;

/** Whether the programs ffmpeg and ffprobe are installed; asked once per process. */
export function hasFfmpeg(): Promise<boolean> {
  programs ??= Promise.all(["ffmpeg", "ffprobe"].map(canRun)).then((all) => all.every(Boolean));
  return programs;
}

/** Which way of reaching FFmpeg to use; rejects with `no-backend` where there is none. */
export async function chooseWay(wanted: "auto" | "node-av" | "ffmpeg"): Promise<Backend["name"]> {
  let cause: unknown;
  if (wanted !== "ffmpeg") {
    try {
      await loadNodeAv();
      return "node-av";
    } catch (error) {
      cause = error;
    }
  }
  if (wanted !== "node-av" && await hasFfmpeg()) return "ffmpeg";
  throw new MediaError(
    "no-backend",
    `Cannot use FFmpeg (backend ${wanted}): neither npm:node-av could be loaded nor were the ` +
      "programs ffmpeg and ffprobe found on PATH; install one of them",
    { cause },
  );
}

/** The backend for reading video. */
export async function chooseBackend(wanted: "auto" | "node-av" | "ffmpeg"): Promise<Backend> {
  if (await chooseWay(wanted) === "node-av") {
    return (await import("./backend_node_av.ts")).nodeAvBackend;
  }
  return (await import("./backend_ffmpeg.ts")).ffmpegBackend;
}
