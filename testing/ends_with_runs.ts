/**
 * Ends while several runs of a session are under way, as its first argument says, and counts how
 * many of many processes that do so end as they were to: `deno task ends [TIMES]`, which writes
 * `testing/reports/ends.md`, and ends with 1 where one ended otherwise.
 *
 * @module
 */
import { openTinyDecoder } from "../packages/video-vq/tiny/tokenizer.ts";
import { mapOrdered } from "../packages/transport/batch/ordered.ts";
import { packedSize } from "../packages/video-vq/stream/tokens.ts";
import { print } from "@vcs/transport/internal";
import { fileURLToPath } from "node:url";

/** Ways to end, and the status of each. */
export const ENDS = {
  /** An error that nobody catches. */
  throw: 1,
  /** `Deno.exit(3)`. */
  exit: 3,
  /** A signal that nobody handles. */
  SIGINT: 130,
  SIGTERM: 143,
  SIGHUP: 129,
  /** A signal whose listener closes the session and exits. */
  handled: 130,
  /** The session is closed, and nothing waits for its runs. */
  using: 0,
  /** A worker that is terminated. */
  worker: 0,
} as const;

/** The longest wait in milliseconds between the start of the runs, which take a second, and the end. */
const WAIT = 300;

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Starts runs, and comes back while they are under way. */
async function startRuns(): Promise<Disposable> {
  const decoder = await openTinyDecoder();
  const shape = { channels: 18, frames: 5, height: 16, width: 16 };
  const tokens = { shape, packed: new Uint8Array(packedSize(shape)) };
  for (let i = 0; i < 4; i++) void decoder.decode(tokens);
  await pause(Math.random() * WAIT);
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
  if (how === "throw") throw new Error("an error of the user's");
  if (how === "handled") {
    Deno.addSignalListener("SIGINT", () => {
      decoder[Symbol.dispose]();
      Deno.exit(130);
    });
  }
  Deno.kill(Deno.pid, how === "handled" ? "SIGINT" : how as Deno.Signal);
  await pause(60_000);
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

const MEANS: Readonly<Record<keyof typeof ENDS, string>> = {
  throw: "an error that nobody catches",
  exit: "`Deno.exit`",
  SIGINT: "SIGINT, not handled",
  SIGTERM: "SIGTERM, not handled",
  SIGHUP: "SIGHUP, not handled",
  handled: "SIGINT, whose listener closes the session and exits",
  using: "the session is closed early",
  worker: "a worker is terminated",
};

/** Kinds that are counted at once. */
const JOBS = 4;

/** Ends processes of every kind, and writes how many ended otherwise; gives whether none did. */
async function count(times: number): Promise<boolean> {
  let isRight = true;
  const kinds = ReadableStream.from(Object.keys(ENDS) as (keyof typeof ENDS)[]);
  const rows = await Array.fromAsync(mapOrdered(kinds, JOBS, async (how) => {
    const wrong = await wrongEnds(how, times);
    isRight &&= wrong.length === 0;
    print(`${how}: ${wrong.length} of ${times} ended otherwise ${wrong.join(" ")}`);
    return `| ${[MEANS[how], ENDS[how], times, wrong.length, wrong.join(" ")].join(" | ")} |`;
  }));
  const report = `# Ends while networks run

\`deno task ends ${times}\` on ${Deno.build.os} ${Deno.build.arch}, Deno ${Deno.version.deno}: each
process starts four runs of video-vq's small decoder, which take about a second, and ends at a random
moment of the first ${WAIT} ms; ${JOBS} processes at once.

| end | status | processes | ended otherwise | with |
| --- | --- | --- | --- | --- |
${rows.join("\n")}
`;
  await Deno.writeTextFile(new URL("./reports/ends.md", import.meta.url), report);
  return isRight;
}

if (self.name === "runs") {
  await startRuns();
  (self as unknown as { postMessage(text: string): void }).postMessage("under way");
} else if (import.meta.main) {
  const [how = "200"] = Deno.args;
  if (!/^\d+$/.test(how)) await end(how);
  else Deno.exit(await count(Number(how)) ? 0 : 1);
}
