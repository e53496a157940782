/**
 * A real RTSP server for tests, GStreamer's, with clips made by FFmpeg. Debian has it as
 * `gir1.2-gst-rtsp-server-1.0`, `python3-gi` and `gstreamer1.0-plugins-good`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { freePort } from "@vcs/transport/internal";
import { findProgram, needs } from "../shared.ts";

/** Debian's own Python, which sees the bindings of Debian's packages. */
const PYTHON = "/usr/bin/python3";
const SCRIPT = fileURLToPath(new URL("server.py", import.meta.url));
const PROBE = `
import gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
assert all(map(Gst.ElementFactory.find, ["matroskademux", "rtph264pay", "rtph265pay"]))
`;

async function canServe(): Promise<boolean> {
  if (findProgram("ffmpeg") === undefined) return false;
  try {
    const probe = new Deno.Command(PYTHON, { args: ["-c", PROBE], stdout: "null", stderr: "null" });
    return (await probe.output()).success;
  } catch {
    return false;
  }
}

/** Options of a test that needs a real RTSP server: ignored where there is none, except in CI. */
export const needsRtsp: { ignore: boolean } = needs(await canServe());

/** Colours of a clip's thirds. */
export const COLOURS = { red: [255, 0, 0], lime: [0, 255, 0], blue: [0, 0, 255] } as const;

/** Frames per second of a clip. */
export const CLIP_FPS = 10;

/**
 * Makes a clip of 64 by 48 pixels, ten frames a second and a key frame each second: a third of the
 * seconds red, a third green, a third blue.
 */
export async function makeClip(path: string, codec: "h264" | "h265", seconds = 60): Promise<void> {
  const third = (colour: string) => [
    ...["-f", "lavfi"],
    ...["-i", `color=${colour}:size=64x48:rate=${CLIP_FPS}:duration=${seconds / 3}`],
  ];
  const quiet = codec === "h265" ? ["-x265-params", "log-level=none:bframes=0:keyint=10"] : [];
  const args = [
    ...["-v", "error", ...Object.keys(COLOURS).flatMap(third)],
    ...["-filter_complex", "concat=n=3", "-pix_fmt", "yuv420p", "-g", "10", "-bf", "0"],
    ...["-c:v", codec === "h264" ? "libx264" : "libx265", ...quiet, "-preset", "ultrafast", path],
  ];
  const { success, stderr } = await new Deno.Command("ffmpeg", { args }).output();
  assert(success, new TextDecoder().decode(stderr));
}

/** A server that runs. */
export interface RtspServer extends AsyncDisposable {
  /** Its port. */
  readonly port: number;
}

/** How a server is started. */
export interface RtspOptions {
  /** Files by their paths in the URL, with `:tcp` or `:udp` where only that is served. */
  readonly mounts: Readonly<Record<string, string>>;
  /** Where it listens. Default: any free port. */
  readonly port?: number;
  /** Name and password that it asks for, as `user:password`. */
  readonly login?: string;
}

/** Starts a server; it listens when this resolves, and is killed when it is disposed. */
export async function rtspServer({ mounts, port, login }: RtspOptions): Promise<RtspServer> {
  const chosen = port ?? await freePort();
  const child = new Deno.Command(PYTHON, {
    args: [SCRIPT, `${chosen}`, ...Object.entries(mounts).map((mount) => mount.join("="))],
    env: login === undefined ? {} : { LOGIN: login },
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  assert.equal(new TextDecoder().decode(value).trim(), "listening");
  const end = async () => {
    child.kill("SIGKILL");
    await reader.cancel();
    await child.status;
  };
  return { port: chosen, [Symbol.asyncDispose]: end };
}
