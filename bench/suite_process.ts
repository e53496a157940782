/**
 * A process that runs the benchmarks of one suite when asked (`compare_worker.ts` is its program).
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import type { Question } from "./compare_worker.ts";

/** The repository that this file lies in. */
export const ROOT = join(import.meta.dirname!, "..");

/** A benchmark, as it is known to people and to its history. */
export interface Name {
  readonly group: string;
  readonly name: string;
}

/** A name as one text. */
export const keyOf = ({ group, name }: Name): string => `${group} / ${name}`;

/** The numbers of a list like `0-3,6`. */
export function numbersOf(list: string): number[] {
  return list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, n) => first! + n);
  });
}

/** The cores that this process may run on; none where they cannot be chosen (not Linux). */
function coresOf(): number[] {
  if (process.platform !== "linux") return [];
  const [, list = ""] = /^Cpus_allowed_list:\s*(\S+)/m.exec(
    readFileSync("/proc/self/status", "utf8"),
  ) ?? [];
  return numbersOf(list);
}

/** A process and all that it started, by their numbers. */
function familyOf(pid: number): number[] {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const children = tasks.flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(" ")
    );
    return [pid, ...children.filter(Boolean).map(Number).flatMap(familyOf)];
  } catch { // It has ended, or this system does not list children.
    return [pid];
  }
}

/**
 * Lets a process run on these cores.
 *
 * @returns whether it does: not where it has ended, or no `taskset` of util-linux is there
 */
async function choose(pid: number, cores: readonly number[]): Promise<boolean> {
  const args = ["--all-tasks", "--cpu-list", "--pid", cores.join(), `${pid}`];
  try {
    const command = new Deno.Command("taskset", { args, stdout: "null", stderr: "null" });
    return (await command.output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Whether `SuiteProcess.pin()` has an effect here. */
export async function canPin(): Promise<boolean> {
  const cores = coresOf();
  return cores.length > 1 && await choose(process.pid, cores);
}

/** The lines of a process's output. What a suite prints itself is passed over. */
async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void, void> {
  let rest = "";
  for await (
    const text of stream.pipeThrough(new TextDecoderStream() as never) as ReadableStream<string>
  ) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    for (const line of parts) if (line.startsWith("[")) yield line;
  }
}

/** What a suite is asked for. */
export interface SuiteOptions {
  /** What `--device` says. Default: the suite's own. */
  readonly device?: string | undefined;
  /** Whether it takes small inputs. Default: false. */
  readonly quick?: boolean;
}

/** A suite of the checkout at `root`, in a process of its own. */
export class SuiteProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;
  readonly #cores = coresOf();
  #isPinned = false;

  /** @param suite its name, as `media` */
  constructor(root: string, suite: string, { device, quick = false }: SuiteOptions = {}) {
    const worker = join(import.meta.dirname!, "compare_worker.ts");
    const config = join(root, "deno.json");
    const path = join(root, "bench", `${suite}.bench.ts`);
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--v8-flags=--expose-gc", "--config", config, worker, path]
        .concat(device === undefined ? [] : ["--device", device], quick ? ["--quick"] : []),
      cwd: root,
      env: { VCS_CACHE: Deno.env.get("VCS_CACHE") ?? join(ROOT, ".cache") },
      stdin: "piped",
      stdout: "piped",
      stderr: device === undefined ? "null" : "inherit",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#lines = lines(this.#child.stdout);
  }

  /** The next line; a worker that ended is an error. */
  async #next<T>(): Promise<T> {
    const { done, value } = await this.#lines.next();
    if (done) throw new Error("Cannot measure: a suite ended before its benchmarks did");
    return JSON.parse(value);
  }

  async #ask(question: Question): Promise<number[]> {
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify(question)}\n`));
    return await this.#next();
  }

  /** What the suite registers: to be read first. */
  async names(): Promise<Name[]> {
    return await this.#next();
  }

  /**
   * Times of runs in nanoseconds.
   *
   * @param index which benchmark, by its place in the list
   * @param milliseconds for how long, at least one run
   */
  async measure(index: number, milliseconds: number): Promise<number[]> {
    return await this.#ask({ index, milliseconds });
  }

  /** Bytes of memory that the process holds. */
  async memory(): Promise<number> {
    const [bytes = 0] = await this.#ask("memory");
    return bytes;
  }

  /**
   * Lets the process run on one core alone, and what it started on the others, or all on all again.
   * Two processes that are pinned meet the same neighbours on their core, which else make one of them
   * 1.7 times slower for seconds. On other systems than Linux, and without `taskset`, nothing changes.
   */
  async pin(isPinned: boolean): Promise<void> {
    if (isPinned === this.#isPinned || this.#cores.length < 2) return;
    this.#isPinned = isPinned;
    const [own, others] = isPinned
      ? [this.#cores.slice(-1), this.#cores.slice(0, -1)]
      : [this.#cores, this.#cores];
    const [, ...started] = familyOf(this.pid);
    await Promise.all([choose(this.pid, own), ...started.map((pid) => choose(pid, others))]);
  }

  /** The process's number. */
  get pid(): number {
    return this.#child.pid;
  }

  /**
   * Runs a benchmark for a moment, until it is compiled, and then to see what it takes.
   *
   * @returns how long a run takes, in nanoseconds, and how many processors it kept busy. What is
   * compiled or collected beside short runs keeps some busy, too: of three tries the least counts.
   */
  async tryOut(index: number): Promise<{ once: number; processors: number }> {
    await this.measure(index, 20);
    const [onces, shares]: [number[], number[]] = [[], []];
    const isClear = () => onces.at(-1)! > 10e6 || shares.at(-1)! < 1.2;
    while (onces.length === 0 || (onces.length < 3 && !isClear())) {
      const [before = 0] = await this.#ask("processor");
      const begin = performance.now();
      const times = await this.measure(index, 10);
      const milliseconds = performance.now() - begin;
      const [after = 0] = await this.#ask("processor");
      onces.push(Math.max(...times));
      shares.push((after - before) / 1000 / milliseconds);
    }
    return { once: Math.min(...onces), processors: Math.min(...shares) };
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#child.status;
  }
}

/** The suites that were named, else all. */
export async function suitesOf(named: readonly string[]): Promise<string[]> {
  if (named.length > 0) return [...named];
  const files = await Array.fromAsync(Deno.readDir(import.meta.dirname!), ({ name }) => name);
  return files.filter((name) => name.endsWith(".bench.ts")).map((name) =>
    basename(name, ".bench.ts")
  ).sort();
}

/** What git says. */
export async function git(...args: string[]): Promise<string> {
  const { code, stdout } = await new Deno.Command("git", { args, cwd: ROOT, stderr: "inherit" })
    .output();
  if (code !== 0) throw new Error(`Cannot measure: git ${args.join(" ")} ended with ${code}`);
  return new TextDecoder().decode(stdout).trim();
}
