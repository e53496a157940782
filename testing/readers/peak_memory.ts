/**
 * How much memory a reader takes at its peak, measured in a process of its own: above what the same
 * process takes with the reader's modules loaded. Linux alone says so.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Reader } from "./reader.ts";

/** What a reader took, and how it ended. */
export interface Peak {
  /** Megabytes at the peak, above those before. */
  readonly megabytes: number;
  /** The error's code, its class where it has none, or `read`. */
  readonly outcome: string;
}

/** Whether peaks can be measured here. */
export const HAS_PEAKS: boolean = Deno.build.os === "linux";

/** Reads a field of `/proc/self/status`, in megabytes. */
function status(field: string): number {
  const text = Deno.readTextFileSync("/proc/self/status");
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(text)![1]) / 1024;
}

/** A file, and the name of the reader that is to read it. */
export interface Try {
  /** The reader's name. */
  readonly reader: string;
  /** The file. */
  readonly file: Uint8Array;
}

/**
 * Calls readers with files, one after the other, in a process of its own.
 *
 * @param module a module with a list `READERS`
 */
export async function peaksOf(module: URL, tries: readonly Try[]): Promise<Peak[]> {
  const folder = await Deno.makeTempDir();
  try {
    await Promise.all(tries.map(({ file }, i) => Deno.writeFile(`${folder}/${i}`, file)));
    const script = fileURLToPath(import.meta.url);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check", "--frozen", "--v8-flags=--expose-gc", script],
        ...[module.href, folder, ...tries.map(({ reader }) => reader)],
      ],
    }).output();
    const line = new TextDecoder().decode(stdout).trim().split("\n").at(-1)!;
    if (!line.startsWith("[")) throw new Error(new TextDecoder().decode(stderr));
    return JSON.parse(line);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function outcomeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return "read";
  } catch (error) {
    const { code, name } = error as { code?: string; name: string };
    return code ?? name;
  }
}

if (import.meta.main) {
  const [module, folder, ...names] = Deno.args as [string, string, ...string[]];
  const { READERS } = await import(module) as { READERS: readonly Reader[] };
  const readers = names.map((name) => READERS.find((reader) => reader.name === name)!);
  const files = await Promise.all(names.map((_, i) => Deno.readFile(`${folder}/${i}`)));
  // What they load, they load now.
  await Deno.writeFile(`${folder}/warm`, new Uint8Array([1]));
  for (const reader of new Set(readers)) {
    await outcomeOf(() => reader.read(new Uint8Array([1]), `${folder}/warm`));
  }
  // With all files; what is still held of an earlier one counts for a later one, too.
  const idle = status("VmRSS");
  const peaks: Peak[] = [];
  for (const [i, bytes] of files.entries()) {
    (globalThis as unknown as { gc(): void }).gc();
    // Forgets the peak so far.
    Deno.writeTextFileSync("/proc/self/clear_refs", "5");
    const outcome = await outcomeOf(() => readers[i]!.read(bytes, `${folder}/${i}`));
    peaks.push({ megabytes: status("VmHWM") - idle, outcome });
  }
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(peaks)}\n`));
  Deno.exit(0);
}
