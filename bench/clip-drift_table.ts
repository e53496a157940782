/**
 * Writes the figures of `bench/results/clip-drift.json` into the package's README: the times beside
 * open_clip between `<!-- times -->` and `<!-- /times -->`, int8 beside fp32 between `<!-- int8 -->`
 * and `<!-- /int8 -->`; and those of `bench/results/clip-drift_pictures.json` in the same way, `faults` and
 * `cuts`.
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
interface Int8 {
  cosines: { form: "s8" | "u8"; scale: number; mean: number; least: number }[];
  ms: Record<"threads_1" | "threads_2", { fp32: number; s8?: number; u8: number }>;
}
interface Found {
  measure?: string;
  made: number;
  unwatched?: number;
  found: number;
}
interface Pictures {
  faults: Record<string, Found>;
  frozen?: Found;
  cuts: Record<string, { made: number; gist: number; "gist-colour": number }>;
}
const read = async (name: string) =>
  JSON.parse(await Deno.readTextFile(new URL(`results/${name}.json`, import.meta.url)));
const { memory: { frame }, int8: bytes } = await read("clip-drift") as {
  memory: { frame: { threads_1: Comparison; threads_2: Comparison } };
  int8: Int8;
};
const { faults, frozen, cuts } = await read("clip-drift_pictures") as Pictures;

/** What a row reports, the name of our figure and of theirs, and images in a run. */
const ROWS = [
  ["one thread, the model alone", "threads_1", "model", "encode", 1],
  ["one thread, JPEG to embedding", "threads_1", "frame", "frame", 1],
  ["two threads, the model alone", "threads_2", "model", "encode", 1],
  ["two threads, JPEG to embedding", "threads_2", "frame", "frame", 1],
  ["the same, next JPEG decoded meanwhile", "threads_2", "frame_overlapped", "frame", 1],
  ["two threads, the model, 2 images", "threads_2", "batch_2", "batch_2", 2],
  ["two threads, the model, 4 images", "threads_2", "batch_4", "batch_4", 4],
  ["two threads, the model, 8 images", "threads_2", "batch_8", "batch_8", 8],
] as const;

const row = (cells: (string | number)[]) => `| ${cells.join(" | ")} |`;
const round = (value: number) => Number(value.toPrecision(3));

const HEAD = ["ms per image", "open_clip", "fp32", "faster", "int8", "faster", "int8 to fp32"];
const lines = ROWS.map(([words, threads, ours, theirs, images]) => {
  const { fp32, int8, open_clip } = frame[threads];
  const times = [open_clip[theirs]!, fp32[ours]!, int8[ours]!].map((t) => t.wall_ms / images);
  const [a, b, c] = times as [number, number, number];
  return row([words, ...[a, b, a / b, c, a / c, b / c].map(round)]);
});
const tableOf = (head: readonly string[], rows: string[]) =>
  [row([...head]), row(head.map(() => "---")), ...rows].join("\n");

/** A row for each form of weights: least cosines, and times beside fp32. */
function int8Rows({ cosines, ms }: Int8): string[] {
  const forms = [...new Set(cosines.map(({ form }) => form))];
  return forms.map((form) => {
    const least = cosines.filter((c) => c.form === form).map((c) => c.least);
    const speeds = [ms.threads_1, ms.threads_2].flatMap((t) => [t[form]!, t.fp32 / t[form]!]);
    return row([form, ...least, ...speeds.map(round)]);
  });
}

const INT8_HEAD = [
  "weights",
  ...new Set(bytes.cosines.map(({ scale }) => `×${scale}`)),
  ...["ms, one thread", "to fp32", "ms, two threads", "to fp32"],
];
/** A row for each fault, and for what is none, where all that is found is false. */
const happened = { ...faults, ...(frozen && { "the same picture for 12 s": frozen }) };
const faultRows = Object.entries(happened).map(([name, { measure, made, found }]) =>
  row([name, measure ? `\`${measure}\`` : "none", made, found])
);
const FAULTS_HEAD = ["what happens", "measure that must see it", "made", "seen"];
const cutRows = Object.entries(cuts).map(([name, { made, gist, "gist-colour": colour }]) =>
  row([name, made, gist, colour])
);
const CUTS_HEAD = ["what happens", "made", "cuts by `gist`", "by `gist-colour`"];

const tables = {
  faults: tableOf(FAULTS_HEAD, faultRows),
  cuts: tableOf(CUTS_HEAD, cutRows),
  times: tableOf(HEAD, lines),
  int8: tableOf(INT8_HEAD, int8Rows(bytes)),
};
let text = await Deno.readTextFile(readme);
for (const [name, table] of Object.entries(tables)) {
  const part = new RegExp(`(?<=<!-- ${name} -->\\n).*(?=<!-- /${name} -->)`, "s");
  text = text.replace(part, `\n${table}\n\n`);
}
await Deno.writeTextFile(readme, text);
await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", fileURLToPath(readme)] })
  .output();
