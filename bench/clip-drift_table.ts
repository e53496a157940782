/**
 * Writes the times beside open_clip of `bench/results/clip-drift.json` into the package's README,
 * between `<!-- times -->` and `<!-- /times -->`.
 */
import { fileURLToPath } from "node:url";

interface Times {
  cpu_ms: number;
  wall_ms: number;
}
type Least = Record<string, Times>;
interface Comparison {
  fp32: Least;
  int8: Least;
  open_clip: Least;
}

const readme = new URL("../packages/clip-drift/README.md", import.meta.url);
const { memory: { frame } } = JSON.parse(
  await Deno.readTextFile(new URL("results/clip-drift.json", import.meta.url)),
) as { memory: { frame: { threads_1: Comparison; threads_2: Comparison } } };

/** What a row tells, the name of our figure and of theirs, and pictures in a run. */
const ROWS = [
  ["one thread, the model alone", "threads_1", "model", "encode", 1],
  ["one thread, JPEG to embedding", "threads_1", "frame", "frame", 1],
  ["two threads, the model alone", "threads_2", "model", "encode", 1],
  ["two threads, JPEG to embedding", "threads_2", "frame", "frame", 1],
  ["the same, next JPEG decoded meanwhile", "threads_2", "frame_overlapped", "frame", 1],
  ["two threads, the model, 2 pictures", "threads_2", "batch_2", "batch_2", 2],
  ["two threads, the model, 4 pictures", "threads_2", "batch_4", "batch_4", 4],
  ["two threads, the model, 8 pictures", "threads_2", "batch_8", "batch_8", 8],
] as const;

const row = (cells: (string | number)[]) => `| ${cells.join(" | ")} |`;
const round = (value: number) => Number(value.toPrecision(3));

const HEAD = ["ms a picture", "open_clip", "fp32", "faster", "int8", "faster", "int8 to fp32"];
const lines = ROWS.map(([words, threads, ours, theirs, pictures]) => {
  const { fp32, int8, open_clip } = frame[threads];
  const times = [open_clip[theirs]!, fp32[ours]!, int8[ours]!].map((t) => t.wall_ms / pictures);
  const [a, b, c] = times as [number, number, number];
  return row([words, ...[a, b, a / b, c, a / c, b / c].map(round)]);
});
const table = [row(HEAD), row(HEAD.map(() => "---")), ...lines].join("\n");
const text = await Deno.readTextFile(readme);
const part = /(?<=<!-- times -->\n).*(?=<!-- \/times -->)/s;
await Deno.writeTextFile(readme, text.replace(part, `\n${table}\n\n`));
await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", fileURLToPath(readme)] })
  .output();
