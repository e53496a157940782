/**
 * Ends while several runs of a session are under way, as its first argument says, and counts how
 * many of many processes that do so end as they were to: `deno task ends [TIMES]`.
 *
 * @module
 */
import { openTinyDecoder } from "../packages/video-vq/tiny/tokenizer.ts";
import { packedSize } from "../packages/video-vq/stream/tokens.ts";
import { print } from "@vcs/transport/internal";
import { fileURLToPath } from "node:url";

/** Ways to end, and the status of each. */
export const ENDS = {
  /** An error that nobody catches. */
  throw: 1,
  /** `Deno.exit(3)`. */
  exit: 3,
  /** SIGTERM, which nobody handles. */
  signal: 143,
  /** The session is closed, and nothing waits for its runs. */
  using: 0,
  /** A worker that is terminated. */
  worker: 0,
} as const;

/** Starts runs, and comes back while they are under way. */
async function startRuns(): Promise<Disposable> {
  const decoder = await openTinyDecoder();
  const shape = { channels: 18, frames: 5, height: 16, width: 16 };
  const tokens = { shape, packed: new Uint8Array(packedSize(shape)) };
  for (let i = 0; i < 4; i++) void decoder.decode(tokens);
  await new Promise((resolve) => setTimeout(resolve, 5));
  return decoder;
}

async function startWorker(): Promise<void> {
  const worker = new Worker(import.meta.url, { type: "module", name: "runs" });
  await new Promise((resolve) => worker.onmessage = resolve);
  worker.terminate();
}

async function end(how: string | undefined): Promise<void> {
  if (how === "worker") return await startWorker();
  const decoder = await startRuns();
  if (how === "using") return decoder[Symbol.dispose]();
  if (how === "exit") Deno.exit(3);
  if (how === "signal") Deno.kill(Deno.pid, "SIGTERM");
  throw new Error("an error of the user's");
}

/** Statuses of so many processes, other than the right one. */
export async function wrongEnds(how: keyof typeof ENDS, times: number): Promise<number[]> {
  const wrong: number[] = [];
  for (let i = 0; i < times; i++) {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--frozen", fileURLToPath(import.meta.url), how],
      stderr: "null",
      stdout: "null",
    });
    const { code } = await child.output();
    if (code !== ENDS[how]) wrong.push(code);
  }
  return wrong;
}

async function count(times: number): Promise<void> {
  for (const how of Object.keys(ENDS) as (keyof typeof ENDS)[]) {
    const wrong = await wrongEnds(how, times);
    print(`${how}: ${wrong.length} of ${times} ended otherwise ${wrong.join(" ")}`);
  }
}

if (self.name === "runs") {
  await startRuns();
  (self as unknown as { postMessage(text: string): void }).postMessage("under way");
} else if (import.meta.main) {
  const [how = "200"] = Deno.args;
  await (/^\d+$/.test(how) ? count(Number(how)) : end(how));
}
