/**
 * Files that a command writes. They are written beside their path and take its place when they are
 * whole, so that a command that fails or is killed leaves what was there; and none is written over
 * what the command reads.
 *
 * @module
 */
import { builtin } from "./builtin.ts";
import { say } from "../command/terminal.ts";
import { UsageError } from "../command/usage_error.ts";
import { syncFile } from "./files.ts";

/** What else is known about an output. */
export interface OutputOptions {
  /** What the command reads: paths, URLs, `-` for standard input, nothing. Default: nothing. */
  readonly inputs?: readonly (string | undefined)[];
  /**
   * Whether the source is live, and what came of it is worth more than what was there: the file grows
   * as `FILE.part`, which is never removed and never overwritten. Default: false.
   */
  readonly live?: boolean;
  /**
   * Whether all that a live part from before holds comes again, as from a journal: then it may be
   * written anew. Default: false.
   */
  readonly comesAgain?: boolean;
}

/** What `-` stands for among inputs and as an output. */
const DESCRIPTORS = { input: 0, output: 1 } as const;

/** What identifies the file at a path, through links; undefined if there is no ordinary file. */
async function identityOf(
  path: string,
  as: keyof typeof DESCRIPTORS,
): Promise<string | undefined> {
  try {
    if (path === "-") {
      const file = builtin("node:fs").fstatSync(DESCRIPTORS[as]);
      return file.isFile() ? `${file.dev}:${file.ino}` : undefined;
    }
    const local = /^file:/i.test(path) ? builtin("node:url").fileURLToPath(path) : path;
    const { isFile, dev, ino } = await Deno.stat(local);
    if (!isFile) return undefined;
    return ino ? `${dev}:${ino}` : await Deno.realPath(local);
  } catch {
    // What cannot be looked at is reported by whoever opens it.
    return undefined;
  }
}

/**
 * Refuses an output that is one of the inputs, also through links and where standard output was
 * redirected to it, before anything is truncated.
 *
 * @throws {UsageError} if it is one.
 */
export async function refuseSameFile(
  output: string,
  inputs: readonly (string | undefined)[],
): Promise<void> {
  const identity = await identityOf(output, "output");
  if (identity === undefined) return;
  for (const input of inputs) {
    if (input === undefined || await identityOf(input, "input") !== identity) continue;
    const [from, to] = [input, output].map((path, i) =>
      path === "-" ? `standard ${i === 0 ? "input" : "output"}` : path
    );
    throw new UsageError(
      `Cannot write ${to}: it is what is read (${from}), expected another file`,
    );
  }
}

async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * A file to be written. Write to `part`, then `commit()`; without that, closing it by `await using`
 * removes the part, unless the source is live. Devices, pipes and `-` are written directly.
 */
export class OutputFile implements AsyncDisposable {
  /** Where it is to be in the end, links followed. */
  readonly path: string;
  /** Where to write. */
  readonly part: string;
  readonly #live: boolean;
  readonly #mode: number | undefined;
  #settled: boolean;

  private constructor(path: string, part: string, live: boolean, mode?: number) {
    this.path = path;
    this.part = part;
    this.#live = live;
    this.#mode = mode;
    this.#settled = part === path;
  }

  /**
   * Chooses where to write; creates nothing yet. One line on stderr says that a file will be replaced.
   *
   * @throws {UsageError} if the output is one of the inputs, or a live one has a part from before.
   */
  static async open(output: string, options: OutputOptions = {}): Promise<OutputFile> {
    const { inputs = [], live = false, comesAgain = false } = options;
    await refuseSameFile(output, inputs);
    if (output === "-") return new OutputFile(output, output, live);
    const there = await statOf(output);
    if (there && !there.isFile) return new OutputFile(output, output, live);
    const path = there ? await Deno.realPath(output) : output;
    const unique = crypto.randomUUID().slice(0, 8);
    const part = live ? `${path}.part` : `${path}.${unique}.part`;
    if (await statOf(part) && !comesAgain) {
      throw new UsageError(
        `Cannot write ${output}: found ${part}, expected no unfinished file (repair or rename it)`,
      );
    }
    if (there) say(`note: ${output} is there (${there.size} bytes) and will be replaced`);
    return new OutputFile(path, part, live, there?.mode ?? undefined);
  }

  /** Puts the part, which is whole now, in its place. */
  async commit(): Promise<void> {
    if (this.#settled) return;
    await syncFile(this.part);
    if (this.#mode !== undefined && Deno.build.os !== "windows") {
      await Deno.chmod(this.part, this.#mode & 0o777);
    }
    await Deno.rename(this.part, this.path);
    this.#settled = true;
  }

  /** Leaves the part where it is and says so: it holds what came before a failure. */
  async keepPart(): Promise<void> {
    if (this.#settled || !((await statOf(this.part))?.size)) return;
    this.#settled = true;
    say(`note: what came before the failure is in ${this.part}`);
  }

  /** Removes a part that did not become whole. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#settled || this.#live) return;
    this.#settled = true;
    await Deno.remove(this.part).catch(() => {});
  }
}

/**
 * Writes a file in one step, so that nobody ever reads half of it.
 *
 * @throws {UsageError} as {@linkcode OutputFile.open} does.
 */
export async function writeWhole(
  path: string,
  content: Uint8Array | string,
  options: OutputOptions = {},
): Promise<void> {
  await using output = await OutputFile.open(path, options);
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  await Deno.writeFile(output.part, bytes);
  await output.commit();
}

/**
 * Opens a log that others read while it grows: an existing one is replaced at once.
 *
 * @throws {UsageError} as {@linkcode OutputFile.open} does.
 */
export async function openLog(
  path: string,
  inputs: readonly (string | undefined)[],
): Promise<Deno.FsFile> {
  await OutputFile.open(path, { inputs });
  return await Deno.open(path, { write: true, create: true, truncate: true });
}
