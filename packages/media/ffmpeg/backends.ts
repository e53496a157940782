/**
 * Chooses between FFmpeg in process and the installed programs.
 *
 * @module
 */
import type { Backend } from "./backend.ts";
import { broughtDirectory, errorLine, findPart, say } from "@vcs/transport/internal";
import { MediaError } from "../errors.ts";
import { loadNodeAv } from "./node_av.ts";
import { NODE_AV } from "./node_av_part.ts";

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

/** Whether it was said that the programs are used in place of node-av. */
let isSaid = false;

/** Which way of reaching FFmpeg to use; rejects with `no-backend` where there is none. */
export async function chooseWay(wanted: "auto" | "node-av" | "ffmpeg"): Promise<Backend["name"]> {
  if (wanted === "ffmpeg") {
    if (await hasFfmpeg()) return "ffmpeg";
    throw noBackend(wanted, "the programs ffmpeg and ffprobe are not on PATH");
  }
  if (wanted === "auto" && await isLeftToSystem()) return "ffmpeg";
  try {
    await loadNodeAv();
    return "node-av";
  } catch (error) {
    const reason = errorLine(error);
    if (wanted === "node-av") throw noBackend(wanted, reason, error);
    if (!await hasFfmpeg()) {
      throw noBackend(wanted, `${reason}; nor are the programs ffmpeg and ffprobe on PATH`, error);
    }
    if (!isSaid) say(`Using the programs ffmpeg and ffprobe: ${reason}`);
    isSaid = true;
    return "ffmpeg";
  }
}

/** Whether this is a program with parts of its own, none of them node-av, and the system has FFmpeg. */
async function isLeftToSystem(): Promise<boolean> {
  if (broughtDirectory() === undefined) return false;
  const isHere = await findPart(NODE_AV).then((state) => state.isHere, () => false);
  return !isHere && await hasFfmpeg();
}

/** Whether the FFmpeg that is used opens a GPU, as `cuda:0`; the programs are not asked. */
export async function canDecodeOn(device: string): Promise<boolean> {
  if (await chooseWay("auto") !== "node-av") return false;
  const { openDevice } = await import("./backend_node_av.ts");
  try {
    openDevice(await loadNodeAv(), device).free();
    return true;
  } catch {
    return false;
  }
}

function noBackend(wanted: string, reason: string, cause?: unknown): MediaError {
  return new MediaError("no-backend", `Cannot use FFmpeg (backend ${wanted}): ${reason}`, {
    cause,
  });
}

/** The backend for reading video. */
export async function chooseBackend(wanted: "auto" | "node-av" | "ffmpeg"): Promise<Backend> {
  if (await chooseWay(wanted) === "node-av") {
    return (await import("./backend_node_av.ts")).nodeAvBackend;
  }
  return (await import("./backend_ffmpeg.ts")).ffmpegBackend;
}
