/**
 * A batch of real items, killed at random moments and started again until it is through, against one
 * that is left alone: `deno task batch-kills [KILLS] [ITEMS]`. Writes `bench/results/transport_batch.json`.
 *
 * @module
 */
import { join } from "node:path";
import { encodeWav } from "@vcs/media/wav";
import type { Manifest } from "@vcs/transport";
import { sha256Of } from "@vcs/transport/internal";

const [kills = 50, items = 400] = Deno.args.map(Number);
const RATE = 24000;
const COMMAND = import.meta.resolve("../packages/encodec-stream/mod.ts");
const folder = await Deno.makeTempDir();

/** The same numbers from 0 to 1 in every run. */
let state = 1;
function random(): number {
  state = Math.imul(state, 1664525) + 1013904223 >>> 0;
  return state / 2 ** 32;
}

/** Seconds of sound, each of another pitch. */
async function writeSounds(): Promise<void> {
  await Deno.mkdir(join(folder, "in"));
  for (let i = 0; i < items; i++) {
    const samples = Float32Array.from(
      { length: RATE },
      (_, at) => 0.4 * Math.sin(at * (80 + i) / 4000) + 0.1 * random(),
    );
    await Deno.writeFile(join(folder, `in/${i}.wav`), encodeWav([samples], { sampleRate: RATE }));
  }
}

function start(output: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-check", "-A", COMMAND, "batch", join(folder, "in"), "-o", output],
      ...["--model", "encodec_tiny_24khz", "-b", "6", "--format", "webdataset"],
      ...["--shard-size", "40K", "--jobs", "1"],
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** Records in the shards that are whole, and in the one that grows. */
async function recordsIn(output: string): Promise<number> {
  let records = 0;
  for (const inside of [output, join(output, ".batch")]) {
    const entries = await Array.fromAsync(Deno.readDir(inside)).catch(() => []);
    for (const { name } of entries) {
      const text = () => Deno.readTextFile(join(inside, name)).catch(() => "");
      if (/^shard-\d+\.json$/.test(name)) records += JSON.parse(await text()).records;
      if (/^shard-\d+\.jsonl$/.test(name)) records += (await text()).split("\n").length - 1;
    }
  }
  return records;
}

/** Kills a batch when it has made some more records; whether it was still at work. */
async function killLater(output: string, more: number): Promise<boolean> {
  const target = await recordsIn(output) + more;
  const child = start(output);
  let ended = false;
  const end = child.status.then(() => void (ended = true));
  while (!ended && await recordsIn(output) < target) await new Promise((go) => setTimeout(go, 5));
  const wasAtWork = !ended;
  if (wasAtWork) child.kill("SIGKILL");
  await end;
  return wasAtWork;
}

async function manifestOf(output: string): Promise<Manifest> {
  return JSON.parse(await Deno.readTextFile(join(output, "manifest.json")));
}

try {
  await writeSounds();
  const [alone, killed] = [join(folder, "alone"), join(folder, "killed")];
  const began = performance.now();
  await start(alone).status;
  const seconds = (performance.now() - began) / 1000;
  let count = 0;
  for (let i = 0; i < kills; i++) {
    const more = Math.floor(random() * 2 * items / kills * 0.9);
    if (await killLater(killed, more)) count++;
  }
  await start(killed).status;
  const [expected, found] = [await manifestOf(alone), await manifestOf(killed)];
  const isSame = JSON.stringify(expected) === JSON.stringify(found);
  for (const { name, sha256 } of found.files) {
    if (await sha256Of(join(killed, name)) !== sha256) throw new Error(`${name} is not whole`);
  }
  const result = {
    ...{ items, kills: count, records: found.counts.records, shards: found.files.length },
    ...{ lost: expected.counts.records - found.counts.records, byteForByte: isSame, seconds },
  };
  const path = join(import.meta.dirname!, "results/transport_batch.json");
  await Deno.writeTextFile(path, `${JSON.stringify(result, null, 2)}\n`);
  if (!isSame) throw new Error(`The two differ: ${JSON.stringify(result)}`);
} finally {
  await Deno.remove(folder, { recursive: true });
}
