/**
 * `deno task queue [ITEMS] [KILLS] [RESTARTS]`: seconds of sound through three workers of a queue, who
 * are killed while their Redis is restarted. Writes `testing/reports/queue.md`; ends with 1 where a
 * record was lost, doubled or made otherwise.
 *
 * @module
 */
import { join } from "node:path";
import { ROOT } from "../house.ts";
import { runKills } from "./kills.ts";

const [items = 10_000, kills = 60, restarts = 10] = Deno.args.map(Number);
const { lost, doubled, differing, takenOver, seconds } = await runKills({ items, kills, restarts });
const { os, arch } = Deno.build;
await Deno.writeTextFile(
  join(ROOT, "testing/reports/queue.md"),
  `# A queue whose workers are killed

\`deno task queue ${items} ${kills} ${restarts}\` on ${os} ${arch}, Deno ${Deno.version.deno}: a second of sound an
item, through \`encodec_tiny_24khz\`, a job an item, three workers of one item at once, each started
again when it was killed. The same items went through \`encodec-stream batch\` without a queue, and
the SHA-256 of each record was compared.

| items | kill -9 of a worker | restarts of Redis | taken over | lost | doubled | with other bytes | seconds |
| ----- | ------------------- | ----------------- | ---------- | ---- | ------- | ---------------- | ------- |
| ${
    [items, kills, restarts, takenOver, lost, doubled, differing, Math.round(seconds)].join(" | ")
  } |

Redis wrote every command to its disk before it answered (\`appendfsync always\`), and was killed by
SIGKILL, too. The seconds are those of a machine with other work.
`,
);
await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", join(ROOT, "testing/reports")] })
  .output();
if (lost + doubled + differing > 0) Deno.exit(1);
