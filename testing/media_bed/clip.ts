/**
 * Small clips of every kind, drawn by number: one value of each axis, made by the ffmpeg program.
 *
 * @module
 */
import { random } from "#testing/fuzz.ts";
import { AXES, type AxisName, CODECS, COLOURS, CUTS, DAMAGES, GROUPS, RATES } from "./axes.ts";

/** The values that were drawn for a clip, one for each axis. */
export type Draw = Readonly<Record<AxisName, string>>;

/** Width and height of every clip. */
export const SIZE: readonly [number, number] = [64, 48];

/** Frame n is a step in grey, with a bar that moves on: every frame is another one. */
const PATTERN = "geq=lum='16+mod(5*N\\,200)+20*lt(abs(X-mod(3*N\\,64))\\,6)'" +
  ":cb='128+40*sin(N/3)':cr='128+40*cos(N/5)'";

/** Runs ffmpeg; rejects with its messages where it fails. */
export async function ffmpeg(args: readonly string[]): Promise<void> {
  const command = new Deno.Command("ffmpeg", {
    args: ["-v", "error", "-nostdin", "-y", ...args],
    stdin: "null",
  });
  const { success, stderr } = await command.output();
  if (!success) throw new Error(`ffmpeg ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** Draws a value of each axis that goes with those drawn before. */
function drawOnce(next: () => number): Draw {
  const draw: Record<string, string> = {};
  for (const [axis, values] of Object.entries(AXES)) {
    const fitting = values.filter(({ fits }) => fits === undefined || fits(draw));
    const total = fitting.reduce((sum, { weight = 1 }) => sum + weight, 0);
    let at = next() * total;
    draw[axis] = fitting.find(({ weight = 1 }) => (at -= weight) < 0)!.name;
  }
  return draw as Draw;
}

/** Clips that each value of an axis is to come to before others come by chance. */
const QUOTA = 22;

/** Draws to choose from for each clip. */
const CANDIDATES = 24;

/** The clips in order: of some draws the one with the values that came least, up to the quota. */
export function* drawClips(): Generator<Draw, never> {
  const counts = new Map<string, number>();
  const countOf = ([axis, name]: [string, string]) => counts.get(`${axis} ${name}`) ?? 0;
  const need = (draw: Draw) =>
    Object.entries(draw).reduce((sum, value) => sum + Math.max(0, 1 - countOf(value) / QUOTA), 0);
  for (let number = 0;; number++) {
    const next = random(number * 7919 + 1);
    const draws = Array.from({ length: CANDIDATES }, () => drawOnce(next));
    const draw = draws.reduce((best, other) => need(other) > need(best) ? other : best);
    for (const [axis, name] of Object.entries(draw)) {
      counts.set(`${axis} ${name}`, countOf([axis, name]) + 1);
    }
    yield draw;
  }
}

function encoding(draw: Draw): string[] {
  const codec = CODECS[draw.codec]!;
  const [format, tags] = COLOURS[draw.colour]!;
  const group = codec.groups?.[draw.group] ?? GROUPS[draw.group]!;
  const pixels = codec.format ?? format;
  return [...codec.args, ...group, ...tags, "-pix_fmt", pixels].flatMap((text) => text.split(" "));
}

/** Encodes one recording. */
async function record(path: string, draw: Draw, frames: number): Promise<void> {
  const { rate, filter, output } = RATES[draw.rate]!;
  const [width, height] = draw.size === "odd" ? [61, 45] : SIZE;
  const source = `color=black:s=${width}x${height}:r=${rate}:d=${frames / rate},` +
    `format=yuv444p,${PATTERN}${filter ?? ""}`;
  const passing = ["-fps_mode", "passthrough", "-enc_time_base", "-1"];
  const timing = filter === undefined ? [] : passing;
  const codec = CODECS[draw.codec]!;
  const before = codec.filter === undefined ? [] : ["-vf", codec.filter];
  await ffmpeg([
    ...["-f", "lavfi", "-i", source, "-frames:v", `${frames}`, ...before, ...encoding(draw)],
    ...timing,
    ...(output ?? []),
    path,
  ]);
}

/** Cuts a recording or joins it with another, as the draw says; the path of the result. */
async function edit(path: string, other: string, draw: Draw): Promise<string> {
  const { seek, join } = CUTS[draw.cut]!;
  const turn = draw.rotation === "none" ? [] : ["-metadata:s:v", `rotate=${draw.rotation}`];
  if (join) {
    const parts = [await Deno.readFile(path), await Deno.readFile(other)];
    await Deno.writeFile(other, new Blob(parts).stream());
    return other;
  }
  if (seek === undefined && turn.length === 0) return path;
  const args = seek === undefined ? [] : ["-ss", seek];
  await ffmpeg([...args, "-i", path, "-c", "copy", ...turn, other]);
  return other;
}

/** Makes a clip in a folder; the path of the file. */
export async function makeClip(folder: string, number: number, draw: Draw): Promise<string> {
  const next = random(number + 1);
  const suffix = draw.container;
  const [first, second] = ["a", "b"].map((part) => `${folder}/${number}${part}.${suffix}`);
  await record(first!, draw, 30 + Math.floor(next() * 20));
  if (CUTS[draw.cut]!.join) await record(second!, draw, 20 + Math.floor(next() * 20));
  const path = await edit(first!, second!, draw);
  const damaged = DAMAGES[draw.damage]!(await Deno.readFile(path), next);
  if (damaged !== undefined) await Deno.writeFile(path, damaged);
  return path;
}
