/**
 * How much memory a reader takes at its peak, measured in a process of its own: above what the same
 * process takes with the reader's modules loaded. Linux alone says so.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

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

/**
 * Calls a reader with a file in a process of its own.
 *
 * @param script a module whose default export reads bytes
 */
export async function peakOf(script: string, file: Uint8Array): Promise<Peak> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, file);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--frozen", fileURLToPath(import.meta.url), script, path],
    }).output();
    const line = new TextDecoder().decode(stdout).trim().split("\n").at(-1)!;
    if (!line.startsWith("{")) throw new Error(new TextDecoder().decode(stderr));
    return JSON.parse(line);
  } finally {
    await Deno.remove(path);
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
  const [script, path] = Deno.args as [string, string];
  const { default: reader } = await import(script);
  const bytes = await Deno.readFile(path);
  await outcomeOf(() => reader(new Uint8Array([1])));
  // Forgets the peak so far.
  Deno.writeTextFileSync("/proc/self/clear_refs", "5");
  const before = status("VmRSS");
  const outcome = await outcomeOf(() => reader(bytes));
  const line = JSON.stringify({ megabytes: status("VmHWM") - before, outcome });
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
