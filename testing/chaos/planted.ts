/**
 * `deno task chaos:planted [CHANNEL…]`: takes two mends out of a copy of the repository, one at a
 * time, and sees whether chaos finds that, with the seeds that the tests have. Ends with 1 where it
 * does not.
 *
 * @module
 */
import { join } from "node:path";
import { copyOfRepository, faultsOf, place, sourcesBelow } from "../mutate.ts";

/** A mend that is taken out, as the faults that tests must notice have it. */
interface Mend {
  readonly channel: string;
  /** What the fault means. */
  readonly means: string;
  /** The first seed, and runs after which it counts as not found. */
  readonly seed: number;
  readonly runs: number;
  /** What chaos says of a run in which it is found. */
  readonly found: RegExp;
}

const MENDS: readonly Mend[] = [
  {
    channel: "tcp",
    means: "an acceptance waits behind a heartbeat",
    ...{ seed: 22, runs: 4, found: /STUCK/ },
  },
  {
    channel: "amqp",
    means: "what finds no queue counts as acknowledged",
    ...{ seed: 25, runs: 4, found: /lost [1-9]/ },
  },
];

/** Seconds of faults in each run. */
const SECONDS = 20;

const print = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));

/** One run of chaos in a copy; what it says of it. */
async function play(copy: string, channel: string, seed: number): Promise<string> {
  const once = ["--hours", "0.000001", "--seconds", String(SECONDS), "--seed", String(seed)];
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--frozen", join(copy, "testing/chaos/main.ts"), channel, ...once],
    ...{ cwd: copy, env: { NO_COLOR: "1" }, stdout: "null" },
  }).output();
  const lines = new TextDecoder().decode(stderr).split("\n");
  return lines.find((line) => line.includes(`seed ${seed}:`)) ?? lines.join("\n");
}

/** Whether chaos finds something, in the first runs of a mend's seeds. */
async function finds(copy: string, { channel, seed, runs, found }: Mend): Promise<boolean> {
  for (let run = 0; run < runs; run++) {
    const said = await play(copy, channel, seed + run);
    print(`  ${said}`);
    if (found.test(said)) return true;
  }
  return false;
}

/** Whether a mend that is taken out is found. */
async function tryMend(copy: string, mend: Mend): Promise<boolean> {
  const sources = await Array.fromAsync(sourcesBelow(join(copy, "packages/transport")));
  const faults = await faultsOf("transport");
  const faulty = await place(faults.find(({ means }) => means === mend.means)!, sources);
  if (!faulty) throw new Error(`Cannot plant "${mend.means}": its text does not stand there`);
  await Deno.writeTextFile(faulty.path, faulty.changed);
  print(`${mend.channel}, where ${mend.means}:`);
  const isFound = await finds(copy, mend);
  await Deno.writeTextFile(faulty.path, faulty.original);
  print(isFound ? "found" : "NOT FOUND");
  return isFound;
}

const folder = await Deno.makeTempDir({ prefix: "chaos-planted-" });
try {
  const copy = await copyOfRepository(folder);
  const mends = MENDS.filter(({ channel }) =>
    Deno.args.length === 0 || Deno.args.includes(channel)
  );
  let isGood = true;
  for (const mend of mends) isGood = await tryMend(copy, mend) && isGood;
  Deno.exitCode = isGood ? 0 : 1;
} finally {
  await Deno.remove(folder, { recursive: true });
}
