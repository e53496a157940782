/**
 * `deno task queue [ITEMS] [KILLS] [RESTARTS] [GROUP] [JOBS]`: seconds of sound through three workers of
 * a queue, who are killed while their Redis is restarted; GROUP items a job and JOBS items at once, one
 * each where nothing is said. Writes a row of `testing/reports/queue.md`, in place of the one with the
 * same GROUP and JOBS; ends with 1 where a record was lost, doubled, made otherwise or made of nothing.
 *
 * @module
 */
import { join } from "node:path";
import { ROOT } from "../house.ts";
import { runKills } from "./kills.ts";

const REPORT = join(ROOT, "testing/reports/queue.md");
/** Where the group and the jobs of a row are. */
const [GROUP, JOBS] = [1, 2];

const [items = 10_000, kills = 60, restarts = 10, group = 1, jobs = 1] = Deno.args.map(Number);
const { lost, unknown, doubled, differing, takenOver, seconds } = await runKills({
  ...{ items, kills, restarts, group, jobs },
});

/** Numbers of the rows that are in a report. */
function rowsOf(report: string): string[][] {
  const lines = report.split("\n").filter((line) => /^\| \d/.test(line));
  return lines.map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

const faults = [lost, unknown, doubled, differing];
const row = [items, group, jobs, kills, restarts, takenOver, ...faults, Math.round(seconds)]
  .map(String);
const before = rowsOf(await Deno.readTextFile(REPORT).catch(() => ""));
const others = before.filter((other) =>
  other.length === row.length && (other[GROUP] !== row[GROUP] || other[JOBS] !== row[JOBS])
);
const rows = [...others, row].sort((a, b) => Number(a[GROUP]) - Number(b[GROUP]));
const { os, arch } = Deno.build;
await Deno.writeTextFile(
  REPORT,
  `# A queue whose workers are killed

\`deno task queue ITEMS KILLS RESTARTS GROUP JOBS\`, the last on ${os} ${arch}, Deno ${Deno.version.deno}: a second of
sound an item, through \`encodec_tiny_24khz\`, three workers, each started again when it was killed. The
same items went through \`encodec-stream batch\` without a queue, with as many at once, and the SHA-256 of
each record, whose codes are integers, was compared.

| items | a job | at once | kill -9 of a worker | restarts of Redis | taken over | lost | only with the queue | doubled | with other bytes | seconds |
| ----- | ----- | ------- | ------------------- | ----------------- | ---------- | ---- | ------------------- | ------- | ---------------- | ------- |
${rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}

Redis wrote every command to its disk before it answered (\`appendfsync always\`), and was killed by
SIGKILL, too. The seconds are those of a machine with other work.
`,
);
await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", REPORT] }).output();
if (faults.some((count) => count > 0)) Deno.exit(1);
