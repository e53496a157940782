/**
 * All that a GPU should show, in eight minutes: `deno task bench:gpu [PART…]`. Each part computes
 * on the CPU and on the device, says by how much what comes out differs, and times both. A part
 * that takes longer than it may is ended; what it has told by then stands in the report. Where no
 * GPU works, all is listed as not run.
 *
 *   --device NAME  cuda, webgpu, all or cpu, to try the way itself. Default: all
 *   --seconds N    for all parts together. Default: 480
 *   --out FILE     the report, Markdown. Default: bench/results/gpu.md
 *
 * @module
 */
import { cpus } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { freeMemory } from "../packages/onnx/cuda/free_memory.ts";
import { benchDevices } from "./devices.ts";
import { memoryHeld, PARTS, type Row } from "./gpu_parts.ts";
import { git } from "./suite_process.ts";

/** What a part's process says: its rows one by one, then what it holds. */
type Said = Row | { readonly memory: number; readonly gpu: number };

/** What came of a part. */
interface Outcome {
  readonly part: string;
  readonly device: string;
  readonly rows: readonly Row[];
  readonly held?: { readonly memory: number; readonly gpu: number };
  /** Why it was not run, or not to its end. */
  readonly why?: string;
}

/** The child's side: measures a part and says each row as a line. */
async function tell(part: string, device: string): Promise<void> {
  const say = (said: Said) => process.stdout.write(`${JSON.stringify(said)}\n`);
  const folder = await Deno.makeTempDir();
  const [before = 0] = freeMemory();
  try {
    for await (const row of PARTS[part]!.run(device, folder)) say(row);
    say(memoryHeld(before));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs a part in a process of its own for at most so many seconds. */
async function outcomeOf(part: string, device: string, seconds: number): Promise<Outcome> {
  if (seconds < 5) return { part, device, rows: [], why: "no time was left" };
  const signal = AbortSignal.timeout(1000 * seconds);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", import.meta.filename!, "--tell", part, "--device", device],
    stdout: "piped",
    stderr: "inherit",
    signal,
  }).spawn();
  const lines = (await new Response(child.stdout).text()).split("\n");
  const { code } = await child.status;
  const said = lines.slice(0, -1).map((line): Said => JSON.parse(line));
  const rows = said.filter((one): one is Row => "work" in one);
  const held = said.find((one) => "memory" in one);
  const why = signal.aborted ? `ended after ${Math.round(seconds)} s` : `ended with ${code}`;
  return held !== undefined && code === 0
    ? { part, device, rows, held }
    : { part, device, rows, why };
}

/** Runs parts on devices, one after the other, as far as the seconds reach. */
async function measure(
  parts: readonly string[],
  devices: readonly string[],
  seconds: number,
): Promise<Outcome[]> {
  const end = performance.now() + 1000 * seconds;
  const outcomes: Outcome[] = [];
  for (const device of devices) {
    const [kind = device] = device.split(":");
    for (const part of parts.filter((name) => PARTS[name]!.kinds.includes(kind))) {
      const left = (end - performance.now()) / 1000;
      const share = seconds * PARTS[part]!.seconds / 470;
      outcomes.push(await outcomeOf(part, device, Math.min(left, share)));
      process.stderr.write(`${part} on ${device}: ${outcomes.at(-1)!.why ?? "done"}\n`);
    }
  }
  return outcomes;
}

const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

/** The report. */
export function gpuReport(outcomes: readonly Outcome[], head: string): string {
  const rows = outcomes.flatMap(({ part, device, rows }) =>
    rows.map(({ work, cpu, device: time, difference }) =>
      `| ${part} | ${device} | ${work} | ${cpu.toFixed(1)} | ${time.toFixed(1)} | ${
        (cpu / time).toFixed(2)
      } | ${difference} |`
    )
  );
  const held = outcomes.flatMap(({ part, device, held }) =>
    held === undefined ? [] : [
      `- ${part} on ${device}: ${megabytes(held.memory)} held, ${megabytes(held.gpu)} of the GPU`,
    ]
  );
  const missing = outcomes.flatMap(({ part, device, why }) =>
    why === undefined ? [] : [`- ${part} on ${device}: not run to its end, ${why}`]
  );
  return [
    "# On a GPU, beside the CPU",
    "",
    head,
    "",
    "| part | device | work | CPU, ms | device, ms | times as fast | difference |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
    ...held,
    ...missing,
    "",
  ].join("\n");
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      device: { type: "string", default: "all" },
      seconds: { type: "string", default: "480" },
      out: { type: "string", default: join(import.meta.dirname!, "results/gpu.md") },
      tell: { type: "string" },
    },
  });
  if (values.tell !== undefined) return await tell(values.tell, values.device);
  const unknown = positionals.filter((name) => !(name in PARTS));
  if (unknown.length > 0) {
    throw new RangeError(`Cannot measure ${unknown[0]}: expected ${Object.keys(PARTS).join(", ")}`);
  }
  const found = await benchDevices(values.device);
  const devices = values.device === "all" ? found.filter((name) => name !== "cpu") : found;
  const parts = positionals.length > 0 ? positionals : Object.keys(PARTS);
  const outcomes = await measure(parts, devices, Number(values.seconds));
  const commit = await git("rev-parse", "--short=10", "HEAD");
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores`;
  const none = devices.length > 0 ? "" : "; no GPU works here, so nothing was run";
  const head = `Commit ${commit}, ${machine}, Deno ${Deno.version.deno}${none}.`;
  await Deno.writeTextFile(values.out, gpuReport(outcomes, head));
}

if (import.meta.main) await main();
