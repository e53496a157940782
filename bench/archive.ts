/**
 * A million hours of sound and of video, calculated from what was measured; nothing is run. Writes
 * `testing/reports/archive.md`: `deno run -A bench/archive.ts`.
 *
 * @module
 */
import { join } from "node:path";
import audio from "./results/encodec-stream.json" with { type: "json" };
import image from "./results/clip-drift.json" with { type: "json" };
import media from "./results/media.json" with { type: "json" };
import queue from "./results/transport_queue.json" with { type: "json" };

const HOURS = 1e6;
const [MACHINES, CORES] = [16, 32];
/** Hours of an item, and items of a job. */
const [ITEM, GROUP] = [1, 16];
/** Bytes of one request for a source, and of one part of a long object. */
const PART = 16 * 2 ** 20;

interface Bench {
  readonly group: string | null;
  readonly name: string;
  readonly avg: number;
}

/** Seconds that a benchmark takes. */
function seconds({ benches }: { readonly benches: readonly Bench[] }, group: string, name: string) {
  const found = benches.find((bench) => bench.group === group && bench.name === name);
  if (found === undefined) throw new Error(`No benchmark ${group}, ${name}`);
  return found.avg / 1e9;
}

/** An archive, and what one hour of it costs. */
interface Archive {
  readonly what: string;
  readonly how: string;
  /** Seconds of a processor. */
  readonly work: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

const encode = seconds(audio, "encodec_24khz: encode 7.92 s", "batch 8, 1 threads") / 7.92;
const decode = seconds(media, "11 s of FLAC to 24 kHz mono", "decodeAudio, node-av") / 11;
// Two processors decode.
const frame = 2 *
  seconds(media, "all 280 frames, 720p H.264, RGB 224x224", "VideoReader, node-av") / 280;
const network = image.memory.frame.threads_1.fp32.model.cpu_ms / 1000;

const ARCHIVES: readonly Archive[] = [
  {
    what: "sound",
    how: "FLAC of 700 kbit/s to codes of 6 kbit/s, encodec_24khz",
    work: 3600 * (encode + decode),
    bytesIn: 3600 * 700e3 / 8,
    bytesOut: 3600 * 6e3 / 8,
  },
  {
    what: "video",
    how: "720p of 3 Mbit/s, 25 frames a second, one a second to an embedding of ViT-B-32",
    work: 3600 * (25 * frame + network),
    bytesIn: 3600 * 3e6 / 8,
    bytesOut: 3600 * 512 * 4,
  },
];

const whole = (value: number) => Math.round(value).toLocaleString("en");
const amount = (bytes: number) => `${(bytes / 1e12).toFixed(1)} TB`;

/** A row of the table: a name, and a value for each archive. */
function row(name: string, of: (archive: Archive) => string): string {
  return `| ${name} | ${ARCHIVES.map(of).join(" | ")} |`;
}

const items = HOURS / ITEM;
const jobs = items / GROUP;
const days = ({ work }: Archive) => HOURS * work / (MACHINES * CORES) / 86_400;
const gets = ({ bytesIn }: Archive) => items * (1 + Math.ceil(bytesIn * ITEM / PART));
const puts = ({ bytesOut }: Archive) => jobs * (1 + Math.max(1, bytesOut * ITEM * GROUP / PART));
const rate = (archive: Archive) => HOURS * archive.bytesIn * 8 / (days(archive) * 86_400) / 1e9;

const [, large] = queue.submitted;
const redis = large!.bytesOfRedisAnItem;

const text = `# A million hours, calculated

Nothing of this was run: \`deno run -A bench/archive.ts\` multiplies what \`bench/results\` has of one
machine. An item is a file of an hour, a job has ${GROUP} of them (\`--group ${GROUP}\`) and makes a shard;
sources and output are in S3, jobs in a Redis; ${MACHINES} machines of ${CORES} processors like the measured
one's, which keep all of them at work.

| | ${ARCHIVES.map(({ what }) => what).join(" | ")} |
| - | ${ARCHIVES.map(() => "-").join(" | ")} |
${row("what is made", ({ how }) => how)}
${row("processor seconds an hour", ({ work }) => whole(work))}
${row("processor hours", ({ work }) => whole(HOURS * work / 3600))}
${row(`days on ${MACHINES} × ${CORES} processors`, (archive) => days(archive).toFixed(1))}
${row("read", ({ bytesIn }) => amount(HOURS * bytesIn))}
${row("Gbit/s from the store, all together", (archive) => rate(archive).toFixed(1))}
${row("written", ({ bytesOut }) => amount(HOURS * bytesOut))}
${row("requests that read (HEAD, GET of 16 MiB)", (archive) => whole(gets(archive)))}
${row("requests that write (parts of shards, reports)", (archive) => whole(puts(archive)))}
${row("pages of listings, each of the sources, the plan, the merge", () => whole(3 * items / 1000))}
${row("jobs", () => whole(jobs))}
${row("jobs a second", (archive) => (jobs / days(archive) / 86_400).toFixed(2))}

The queue did ${whole(queue.jobsASecond)} jobs a second on two processors with a load of ${
  whole(queue.load)
}, its server with each write on the
disk before the answer. Submitting took ${large!.seconds.toFixed(0)} s for ${
  whole(large!.items)
} items, and Redis held
${whole(redis)} bytes an item of a job of its own: ${
  (redis * items / 1e9).toFixed(1)
} GB for a million jobs of one item,
less for fewer jobs of ${GROUP}.

## What breaks first, and what then

1. **Reading the store.** All workers together ask for the rate above. Where it gives less, processors
   wait and the days grow alike; 503 and resets are tried again with longer and longer pauses, and a
   job that fails three times is in \`failures.jsonl\`, for \`submit --retry-failed\`.
2. **A worker.** With ${CORES} items at work on a machine that is lost, ${CORES} hours of sound or video are done
   again, of ${whole(items)}. They come to others 30 to 60 s after its last sign of life
   (\`?claim=\`). An item that ends its workers does so \`--attempts\` times and is then a failure; what
   shared a worker with it each time is one, too, and \`--retry-failed\` does it.
3. **Redis's memory.** It then refuses what needs more of it (\`noeviction\`), and jobs wait.
   More items a job, or a larger Redis, and the same \`submit\` again.
4. **Redis itself.** Workers wait and connect again. Where it lost all that it held, the same \`submit\`
   puts back every job that has no report in the output, for the price of listing and reading the plan.
5. **The merge** reads ${whole(jobs)} reports, 32 at once: at 50 ms a request ${
  (jobs * 0.05 / 32 / 60).toFixed(0)
} min, and where each
   item is a job ${
  (items * 0.05 / 32 / 60).toFixed(0)
} min. It can be killed and run again, as it only adds a manifest.
6. **The listing.** One \`submit\` lists all; the plan has the paths of all items, and \`submit\`, \`merge\` and
   each worker at its start read it whole. Where that is too much, several outputs.
`;

const path = join(import.meta.dirname!, "../testing/reports/archive.md");
await Deno.writeTextFile(path, text);
await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", path] }).output();
