/**
 * What the ffmpeg program shows of a file: the truth that readers are compared with.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** The frames that ffmpeg shows. */
export interface Truth {
  /** Presentation times in seconds, from the container's start. */
  readonly pts: readonly number[];
  /** Hash of the stored pixels of each frame, not turned. */
  readonly hashes: readonly string[];
  /** RGB of each frame, upright. */
  readonly rgb: readonly Uint8Array[];
  /** What ffmpeg complained about; none for a sound file. */
  readonly complaints: readonly string[];
}

/** Hash of a frame's pixels. */
export function hashOf(pixels: Uint8Array): string {
  return createHash("md5").update(pixels).digest("hex");
}

async function run(args: readonly string[]) {
  const command = new Deno.Command("ffmpeg", {
    args: ["-nostdin", "-nostats", "-loglevel", "repeat+level+info", ...args],
    stdin: "null",
  });
  const { stdout, stderr } = await command.output();
  return { stdout, lines: new TextDecoder().decode(stderr).split("\n") };
}

const SHOWN = /\bn: *\d+ pts: *\S+ pts_time:(\S+) .* s:(\d+)x(\d+)/;

/** Cuts bytes into frames of one size. */
function framesOf(bytes: Uint8Array, size: number): Uint8Array[] {
  const count = Math.floor(bytes.length / size);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** Asks ffmpeg for every frame of a file. */
export async function truthOf(path: string): Promise<Truth> {
  const output = ["-map", "0:v:0", "-fps_mode", "passthrough", "-enc_time_base", "-1"];
  const native = await run([
    ...["-noautorotate", "-i", path, "-vf", "showinfo=checksum=0", "-autoscale", "0"],
    ...[...output, "-f", "framemd5", "-"],
  ]);
  const upright = await run([
    ...["-i", path, "-vf", "scale=flags=bilinear,format=rgb24,showinfo=checksum=0", ...output],
    ...["-f", "rawvideo", "-"],
  ]);
  const shown = native.lines.flatMap((line) => SHOWN.exec(line) ?? []);
  const times = native.lines.flatMap((line) => SHOWN.exec(line)?.[1] ?? []);
  const [, , width = 1, height = 1] = upright.lines.map((line) => SHOWN.exec(line))
    .find((found) => found) ?? shown;
  const text = new TextDecoder().decode(native.stdout);
  return {
    pts: times.map(Number),
    hashes: text.split("\n").filter((line) => /^\d/.test(line)).map((line) =>
      line.split(",").at(-1)!.trim()
    ),
    rgb: framesOf(upright.stdout, Number(width) * Number(height) * 3),
    complaints: native.lines.filter((line) => /\[(error|fatal)\]/.test(line)),
  };
}
