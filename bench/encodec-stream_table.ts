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
interface Speed {
  minutes: number;
  speed: number;
}
interface Memory {
  minutes: number;
  afterAMinute: number;
  most: number;
}
type Jobs<T> = Record<string, T>;

const readme = new URL("../packages/encodec-stream/README.md", import.meta.url);
const { memory } = JSON.parse(
  await Deno.readTextFile(new URL("results/encodec-stream.json", import.meta.url)),
) as {
  memory: {
    pytorch: Comparison[] | null;
    speed: Jobs<Speed>;
    memoryInMegabytes: Jobs<Memory>;
  };
};

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

/** Speed and memory of each job. */
function longRuns(speeds: Jobs<Speed>, memories: Jobs<Memory>): string[] {
  return [
    "Longer runs on two threads: speed over up to six minutes of audio, and resident",
    "memory in MB of a process over a long run:",
    "",
    row(["job", "× real time", "minutes of audio", "after the first minute", "most after that"]),
    row(["---", "---", "---", "---", "---"]),
    ...Object.entries(memories).map(([job, m]) =>
      row([job, round(speeds[job]!.speed), m.minutes, m.afterAMinute, m.most])
    ),
  ];
}

const block = [
  ...(memory.pytorch ? [...comparison(memory.pytorch), ""] : []),
  ...longRuns(memory.speed, memory.memoryInMegabytes),
].join("\n");
const text = await Deno.readTextFile(readme);
await Deno.writeTextFile(
  readme,
  text.replace(
    /(<!-- pytorch -->\n)[^]*?(\n?<!-- \/pytorch -->)/,
    `$1\n${block}\n\n<!-- /pytorch -->`,
  ),
);
