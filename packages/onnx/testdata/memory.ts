/**
 * Runs a small model many times and opens one with 4 MB of weights many times, and prints how many
 * bytes of memory each of the two left behind, as JSON. A process of its own, because the tests
 * beside it have memory, too.
 */
import { tensor } from "@vcs/transport/tensor";
import { GraphBuilder } from "../graph.ts";
import { modelBytes } from "../graph/model.ts";
import { Session } from "../session.ts";

const SIZE = 1024;
const g = new GraphBuilder("memory");
const x = g.input("x", "F32", ["N", SIZE]);
g.output("y", g.matmul(x, g.weight("w", tensor("F32", [SIZE, SIZE]))));
const model = await modelBytes(g);
const feeds = { x: tensor("F32", [1, SIZE]) };
const collect = (globalThis as { gc?: () => void }).gc!;

async function runs(count: number): Promise<void> {
  using session = await Session.open(model, { device: "cpu", threads: 1 });
  for (let i = 0; i < count; i++) await session.run(feeds);
}

async function opens(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    using session = await Session.open(model, { device: "cpu", threads: 1 });
    await session.run(feeds);
  }
}

/** Rounds of the work; what an allocator keeps for later comes and goes, a leak grows in each. */
const ROUNDS = 4;

/** Bytes that the thriftiest round of the work left behind. */
async function left(warmUp: () => Promise<void>, work: () => Promise<void>): Promise<number> {
  await warmUp();
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    collect();
    const before = Deno.memoryUsage().rss;
    await work();
    collect();
    least = Math.min(least, Deno.memoryUsage().rss - before);
  }
  return least;
}

const afterRuns = await left(() => runs(2000), () => runs(5000));
const afterOpens = await left(() => opens(100), () => opens(200));
console.log(JSON.stringify({ afterRuns, afterOpens }));
