/**
 * Writes the comparison with PyTorch and the memory figures of `bench/results/encodec-stream.json`
 * into the package's README, between `<!-- pytorch -->` and `<!-- /pytorch -->`.
 */
interface Cost {
  wall: number;
  cpu: number;
}
interface Job {
  pytorchMs: Cost;
  oursMs: Cost;
  timesFaster: Cost;
  realTime: number;
}
interface Comparison {
  model: string;
  threads: number;
  decode: Job;
  encode: Job;
}
interface Memory {
  minutes: number;
  afterAMinute: number;
  most: number;
  speed: number;
}

const readme = new URL("../packages/encodec-stream/README.md", import.meta.url);
const { memory } = JSON.parse(
  await Deno.readTextFile(new URL("results/encodec-stream.json", import.meta.url)),
) as { memory: { pytorch: Comparison[] | null; memoryInMegabytes: Record<string, Memory> } };

const row = (cells: (string | number)[]) => `| ${cells.join(" | ")} |`;
const round = (value: number) => Number(value.toPrecision(3));

function comparison(rows: Comparison[]): string[] {
  const lines = rows.flatMap(({ model, threads, ...jobs }) =>
    (["decode", "encode"] as const).map((job) => {
      const { pytorchMs, oursMs, timesFaster, realTime } = jobs[job];
      const cells = [pytorchMs.wall, oursMs.wall, timesFaster.wall, timesFaster.cpu, realTime];
      return row([model, job, threads, ...cells.map(round)]);
    })
  );
  return [
    "Milliseconds for a second of audio, PyTorch eager and ours in turn, the least of six rounds:",
    "",
    row([
      "model",
      "job",
      "threads",
      "PyTorch",
      "ours",
      "faster",
      "in processor time",
      "× real time",
    ]),
    row(Array.from({ length: 8 }, () => "---")),
    ...lines,
  ];
}

function memoryLines(entries: Record<string, Memory>): string[] {
  return [
    "Longer runs, two threads; resident memory in MB of one process that does all four in turn:",
    "",
    row(["job", "minutes of audio", "× real time", "after the first minute", "most after that"]),
    row(["---", "---", "---", "---", "---"]),
    ...Object.entries(entries).map(([job, m]) =>
      row([job, m.minutes, round(m.speed), m.afterAMinute, m.most])
    ),
  ];
}

const block = [
  ...(memory.pytorch ? [...comparison(memory.pytorch), ""] : []),
  ...memoryLines(memory.memoryInMegabytes),
].join("\n");
const text = await Deno.readTextFile(readme);
await Deno.writeTextFile(
  readme,
  text.replace(
    /(<!-- pytorch -->\n)[^]*?(\n?<!-- \/pytorch -->)/,
    `$1\n${block}\n\n<!-- /pytorch -->`,
  ),
);
