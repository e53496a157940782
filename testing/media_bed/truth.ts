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
  /** Frames whose times are not the file's own: ffmpeg makes them up, or lets them go back. */
  readonly doubtful: ReadonlySet<number>;
  /** Hash of the stored pixels of each frame, not turned. */
  readonly hashes: readonly string[];
  /** RGB of each frame, upright. */
  readonly rgb: readonly Uint8Array[];
  /** What ffmpeg complained about; none for a sound file. */
  readonly complaints: readonly string[];
  /**
   * The last frame of stored pixels, where ffmpeg says that its packet is cut off: what it shows
   * behind the cut need not be the same in two runs.
   */
  readonly torn: number | undefined;
}

/** Hash of a frame's pixels. */
export function hashOf(pixels: Uint8Array): string {
  return createHash("md5").update(pixels).digest("hex");
}

async function run(args: readonly string[], program = "ffmpeg") {
  const { stdout, stderr } = await new Deno.Command(program, { args: [...args], stdin: "null" })
    .output();
  return { stdout, lines: new TextDecoder().decode(stderr).split("\n") };
}

const MESSAGES = ["-nostdin", "-nostats", "-loglevel", "repeat+level+info"];

/**
 * Frames whose times no reader can take over: those that go back, and those that the decoder gives
 * none where it gives others theirs. What the ffmpeg command makes up then depends on its version.
 */
async function doubtfulTimes(path: string, times: readonly number[]): Promise<Set<number>> {
  const entries = ["-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp"];
  const format = ["-v", "quiet", "-of", "default=noprint_wrappers=1:nokey=1"];
  const { stdout } = await run([...entries, ...format, path], "ffprobe");
  const own = new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
  const isBare = own.length !== times.length || own.every((time) => time === "N/A");
  const isDoubtful = (i: number) => times[i]! < times[i - 1]! || (!isBare && own[i] === "N/A");
  return new Set(times.keys().filter(isDoubtful));
}

const CORRUPT = /Packet corrupt \(stream = \d+, dts = (\d+)\)/;

/** The last frame of stored pixels, where it is the one packet that ffmpeg says is cut off. */
async function tornFrame(path: string, lines: readonly string[]): Promise<number | undefined> {
  const corrupt = lines.flatMap((line) => CORRUPT.exec(line)?.[1] ?? []);
  if (corrupt.length !== 1) return undefined;
  const entries = ["-select_streams", "v:0", "-show_entries", "packet=dts:stream=codec_name"];
  const format = ["-v", "quiet", "-of", "default=noprint_wrappers=1:nokey=1"];
  const { stdout } = await run([...entries, ...format, path], "ffprobe");
  const packets = new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
  if (packets.pop() !== "rawvideo" || packets.at(-1) !== corrupt[0]) return undefined;
  return packets.length - 1;
}

const SHOWN = /\bn: *\d+ pts: *\S+ pts_time:(\S+) .* s:(\d+)x(\d+)/;

/** Cuts bytes into frames of one size. */
export function framesOf(bytes: Uint8Array, size: number): Uint8Array[] {
  const count = Math.floor(bytes.length / size);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** Asks ffmpeg for every frame of a file. */
export async function truthOf(path: string): Promise<Truth> {
  const output = ["-map", "0:v:0", "-fps_mode", "passthrough", "-enc_time_base", "-1"];
  const native = await run([
    ...[...MESSAGES, "-noautorotate", "-i", path, "-vf", "showinfo=checksum=0", "-autoscale", "0"],
    ...[...output, "-f", "framemd5", "-"],
  ]);
  const upright = await run([
    ...[
      ...MESSAGES,
      "-i",
      path,
      "-vf",
      "scale=flags=bilinear,format=rgb24,showinfo=checksum=0",
      ...output,
    ],
    ...["-f", "rawvideo", "-"],
  ]);
  const shown = native.lines.flatMap((line) => SHOWN.exec(line) ?? []);
  const times = native.lines.flatMap((line) => SHOWN.exec(line)?.[1] ?? []).map(Number);
  const [, , width = 1, height = 1] = upright.lines.map((line) => SHOWN.exec(line))
    .find((found) => found) ?? shown;
  const text = new TextDecoder().decode(native.stdout);
  return {
    pts: times,
    doubtful: await doubtfulTimes(path, times),
    hashes: text.split("\n").filter((line) => /^\d/.test(line)).map((line) =>
      line.split(",").at(-1)!.trim()
    ),
    rgb: framesOf(upright.stdout, Number(width) * Number(height) * 3),
    complaints: native.lines.filter((line) => /\[(error|fatal)\]/.test(line)),
    torn: await tornFrame(path, native.lines),
  };
}
