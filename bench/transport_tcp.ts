/**
 * The `tcp:` channel beside bare TCP, a batch of each in turn, so that whatever else the machine
 * does meets all of them alike. Prints JSON: megabytes a second, fastest and in the middle.
 */
import { cleanup, COUNT, framedTcp, type Job, payloadOf, rawTcp, tcp } from "./transport_jobs.ts";

const SIZE = 92_160;
const ROUNDS = 200;
const WARMUP = 3;

/** What each kind of batch moves. */
export async function tcpBesideRaw(): Promise<Record<string, { fastest: number; middle: number }>> {
  const jobs: [string, Job][] = [
    ["drained", await rawTcp(SIZE)],
    ["arrays", await framedTcp(SIZE)],
    ["credits=3", await tcp(3)()],
    ["credits=16", await tcp(16)()],
  ];
  const payload = payloadOf(SIZE);
  const times = jobs.map((): number[] => []);
  for (let round = -WARMUP; round < ROUNDS; round++) {
    for (const [i, [, job]] of jobs.entries()) {
      const start = performance.now();
      await job(payload);
      if (round >= 0) times[i]!.push(performance.now() - start);
    }
  }
  await cleanup.disposeAsync();
  const speed = (ms: number) => Math.round(COUNT * SIZE / ms / 1000);
  return Object.fromEntries(jobs.map(([name], i) => {
    const sorted = times[i]!.sort((a, b) => a - b);
    return [name, { fastest: speed(sorted[0]!), middle: speed(sorted[ROUNDS / 2]!) }];
  }));
}

if (import.meta.main) {
  await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(await tcpBesideRaw())}\n`));
}
