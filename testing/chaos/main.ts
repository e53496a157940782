/**
 * `deno task chaos [CHANNEL] [URL] [--hours H] [--seconds S] [--seed N] [--report FILE]`: sends through every
 * channel while ends, links and brokers are killed, stopped, cut and deleted, and counts. The same
 * seed plays the same faults. A URL is one's own broker, of which only the links are disturbed;
 * `nats-cluster`, `amqp-quorum` and `redis-sentinel` are clusters started here, whose servers are killed.
 *
 * @module
 */
import {
  command,
  number,
  operands,
  option,
  print,
  runCommand,
  say,
  text,
  whole,
} from "@vcs/transport/internal";
import { hasBroker } from "../../packages/transport/trial/brokers.ts";
import { isGood, reportOf } from "./report.ts";
import { runChaos, type RunResult } from "./run.ts";
import {
  CHANNELS,
  type ChaosChannel,
  CLUSTERS,
  openWorld,
  type World,
  worldBehind,
} from "./world.ts";

const OPTIONS = {
  hours: option(number({ min: 0 }), { help: "how long, all channels together", default: 1 / 60 }),
  seconds: option(whole({ min: 1 }), { help: "of faults in each run", default: 30 }),
  seed: option(whole({ min: 0 }), { help: "of the first run; each has the next", default: 1 }),
  report: option(text("FILE"), { help: "where the tables are written, too" }),
};

/** Channels whose programs are here. */
function channelsHere(): ChaosChannel[] {
  const missing = {
    redis: !hasBroker("redis"),
    amqp: !hasBroker("rabbitmq"),
    nats: !hasBroker("nats"),
    kafka: !hasBroker("kafka"),
  };
  return CHANNELS.filter((channel) => !(channel in missing && missing[channel as "redis"]));
}

async function openOwn(url: string): Promise<World> {
  const known = CHANNELS.find((name) => name === url);
  if (known) return await openWorld(known);
  if (Object.hasOwn(CLUSTERS, url)) return await CLUSTERS[url]!();
  const channel = new URL(url).protocol.replace(/s?:$/, "");
  return worldBehind((channel === "nat" ? "nats" : channel) as ChaosChannel, url);
}

const chaos = command({
  name: "chaos",
  version: "1",
  about: "channels while everything around them fails",
  options: OPTIONS,
  operands: {
    urls: operands(
      text("URL"),
      `names of channels, brokers of one's own, ${
        Object.keys(CLUSTERS).join(", ")
      }. Default: all channels`,
    ),
  },
  async run({ options: { hours, seconds, seed, report }, operands: { urls }, signal }) {
    const worlds: (() => Promise<World>)[] = urls.length > 0
      ? urls.map((url) => () => openOwn(url))
      : channelsHere().map((channel) => () => openWorld(channel));
    const end = performance.now() + hours * 3_600_000;
    const results: RunResult[] = [];
    for (let round = 0; performance.now() < end && !signal.aborted; round++) {
      await using world = await worlds[round % worlds.length]!();
      const result = await runChaos(world, seed + round, seconds);
      results.push(result);
      const { channel, lost, stuck, standing, ended } = result;
      say(`${channel}, seed ${result.seed}: lost ${lost.length}${stuck ? ", STUCK" : ""}`);
      if (stuck) say(`  ${standing}`);
      for (const line of ended) say(`  an end gave up: ${line}`);
      if (report) await Deno.writeTextFile(report, `${reportOf(results)}\n`);
    }
    print(reportOf(results));
    return results.every(isGood) ? 0 : 1;
  },
});

if (import.meta.main) await runCommand(chaos);
