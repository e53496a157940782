/**
 * A process that writes items, and what it said before it ended.
 *
 * @module
 */
import { collectLines } from "../../packages/transport/testing/command.ts";
import type { Contents } from "./store.ts";

const SCRIPT = import.meta.resolve("./stores.ts");

/** The words that run a store. */
export function storeWords(...args: readonly (string | number)[]): string[] {
  return ["run", "--quiet", "--no-check", "-A", SCRIPT, ...args.map(String)];
}

/** What lines of a writer, or of a reader behind it, say. */
export interface Said {
  /** Numbers of the items that it has taken. */
  readonly kept: readonly number[];
  /** How it failed. */
  readonly error: string | undefined;
  /** What a reader found. */
  readonly contents: Contents | undefined;
}

/** Reads the lines. */
export function readLines(lines: readonly string[]): Said {
  const found = lines.find((line) => line.startsWith("{"));
  return {
    kept: lines.filter((line) => /^\d+$/.test(line)).map(Number),
    error: lines.findLast((line) => line.startsWith("error "))?.slice(6),
    contents: found === undefined ? undefined : JSON.parse(found),
  };
}

/** Runs a program; gives its lines. */
export async function linesOf(program: string, args: readonly string[]): Promise<string[]> {
  const { stdout } = await new Deno.Command(program, { args: [...args], stderr: "null" }).output();
  return new TextDecoder().decode(stdout).split("\n").filter(Boolean);
}

/** Reads a store in a process of its own. */
export async function readStore(store: string, folder: string): Promise<Contents> {
  const said = readLines(await linesOf(Deno.execPath(), storeWords(store, "read", folder)));
  return said.contents ?? { found: [], wrong: [said.error ?? "it cannot be read"] };
}

/** What a writer writes, and in which surroundings. */
interface WriterOptions {
  /** Number of the first item. */
  readonly from: number;
  /** Items after which it ends. Default: none. */
  readonly count?: number;
  /** More variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A writer that runs. */
export class Writer implements AsyncDisposable {
  readonly #lines: string[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #ended: Promise<unknown>;

  /** Starts to write items. */
  constructor(store: string, folder: string, { from, count = Infinity, env }: WriterOptions) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: storeWords(store, "write", folder, from, count),
      ...{ stdin: "null", stdout: "piped", stderr: "null", env: { ...env } },
    }).spawn();
    const reading = collectLines(this.#process.stdout, this.#lines);
    this.#ended = Promise.all([reading, this.#process.status]);
  }

  /** What it has said so far. */
  get said(): Said {
    return readLines(this.#lines);
  }

  /** Waits until it has taken a number of items, or has ended; gives whether it took them. */
  async takes(items: number): Promise<boolean> {
    while (this.said.kept.length < items) {
      if (await this.ends(5)) return this.said.kept.length >= items;
    }
    return true;
  }

  /** Waits until it ends by itself, for some milliseconds; gives whether it did. */
  async ends(milliseconds: number): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), milliseconds);
    });
    const ended = await Promise.race([this.#ended.then(() => true), late]);
    clearTimeout(timer);
    return ended;
  }

  /** Ends it by kill -9. */
  async kill(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#ended;
  }

  /** The same. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
