/**
 * Puts deliberate faults into a copy of the repository, one at a time, and runs the tests that
 * must notice. Run by hand: `deno task mutate [PACKAGE[/FILE]…]`. Ends with 1 where a fault
 * survives, with 2 where its text is not found or the tests fail without it.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Fault } from "./faults/fault.ts";
import { PACKAGES, ROOT } from "./house.ts";

/** After this time tests count as hung, which is not the same as noticing. */
const TIMEOUT = 5 * 60_000;

/** Copies the files that git knows, or would add, into a folder, beside the shared one. */
export async function copyOfRepository(folder: string): Promise<string> {
  const copy = join(folder, "repository");
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const { stdout } = await new Deno.Command("git", { args, cwd: ROOT }).output();
  for (const name of new TextDecoder().decode(stdout).split("\0").filter(Boolean)) {
    if (!existsSync(join(ROOT, name))) continue;
    await Deno.mkdir(dirname(join(copy, name)), { recursive: true });
    await Deno.copyFile(join(ROOT, name), join(copy, name));
  }
  const shared = join(ROOT, "../shared");
  if (existsSync(shared)) await Deno.symlink(shared, join(folder, "shared"));
  return copy;
}

/** The faults of a package. */
export async function faultsOf(packageName: string): Promise<readonly Fault[]> {
  const table: { faults: readonly Fault[] } = await import(`./faults/${packageName}.ts`);
  return table.faults;
}

/** Paths of all TypeScript files below a folder. */
export async function* sourcesBelow(folder: string): AsyncGenerator<string, void, void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* sourcesBelow(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

const isNamed = (name: string) => (path: string) => path.endsWith(`/${name}`);

/** The text as a pattern in which white space may be of any kind and length. */
function patternOf(text: string): RegExp {
  const words = text.trim().split(/\s+/).map((word) => word.replace(/[^\w\s]/g, "\\$&"));
  return new RegExp(words.join("\\s+"), "g");
}

/** A file with a fault in it. */
export interface Faulty {
  /** Its path. */
  readonly path: string;
  /** Its text without the fault. */
  readonly original: string;
  /** Its text with the fault. */
  readonly changed: string;
}

/** Finds where a fault goes; undefined unless that is exactly one place. */
export async function place(
  fault: Fault,
  sources: readonly string[],
): Promise<Faulty | undefined> {
  const pattern = patternOf(fault.find);
  const found: Faulty[] = [];
  for (const path of sources.filter(isNamed(fault.file))) {
    const original = await Deno.readTextFile(path);
    for (const { index, 0: text } of original.matchAll(pattern)) {
      const changed = original.slice(0, index) + fault.put + original.slice(index + text.length);
      found.push({ path, original, changed });
    }
  }
  return found.length === 1 ? found[0] : undefined;
}

/** Finds the tests that must notice a fault; undefined unless each name is that of one file. */
export function testsOf(fault: Fault, sources: readonly string[]): readonly string[] | undefined {
  const found = fault.tests.map((name) => sources.filter(isNamed(name)));
  return found.every(({ length }) => length === 1) ? found.flat() : undefined;
}

/** What tests said. */
interface Verdict {
  readonly passed: boolean;
  /** The first test that failed, or why none could. */
  readonly by: string;
  readonly output: string;
}

/** The start of a message without its line breaks. */
function oneLine(message: string): string {
  return message.replace(/\s+/g, " ").slice(0, 200);
}

async function runTests(copy: string, files: readonly string[]): Promise<Verdict> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--frozen", "--no-check", "--fail-fast", ...files],
    cwd: copy,
    env: { RUST_BACKTRACE: "0", NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let hung = false;
  const timer = setTimeout(() => (hung = true, child.kill("SIGKILL")), TIMEOUT);
  const { success, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
  const failed = /^ ERRORS $\s+^(.*?)(?: => |$)/m.exec(output)?.[1];
  const message = /^error: ([^]*)/m.exec(output)?.[1] ?? "";
  return { passed: success || hung, by: hung ? "hung" : `${failed}: ${oneLine(message)}`, output };
}

/** The state of one package's trial. */
class Trial {
  readonly #copy: string;
  readonly #sources: readonly string[];
  readonly #baselines = new Map<string, Promise<Verdict>>();

  constructor(copy: string, sources: readonly string[]) {
    this.#copy = copy;
    this.#sources = sources;
  }

  /** Tries one fault; says how it ended. */
  async run(fault: Fault): Promise<{ outcome: string; detail: string }> {
    const faulty = await place(fault, this.#sources);
    if (faulty === undefined) return { outcome: "text not found", detail: fault.find };
    const tests = testsOf(fault, this.#sources);
    if (tests === undefined) {
      return { outcome: "test not found", detail: fault.tests.join(", ") };
    }
    const key = tests.join("\n");
    if (!this.#baselines.has(key)) this.#baselines.set(key, runTests(this.#copy, tests));
    const baseline = await this.#baselines.get(key)!;
    if (!baseline.passed || baseline.by === "hung") {
      return { outcome: "fails without it", detail: baseline.output };
    }
    await Deno.writeTextFile(faulty.path, faulty.changed);
    const { passed, by } = await runTests(this.#copy, tests);
    await Deno.writeTextFile(faulty.path, faulty.original);
    return { outcome: passed ? "SURVIVED" : "killed", detail: by };
  }
}

/** Tries the faults of one package, those of one file where it is given; counts the outcomes. */
async function tryPackage(copy: string, name: string, counts: Map<string, number>): Promise<void> {
  const [packageName = "", ...path] = name.split("/");
  const file = path.join("/");
  const sources = await Array.fromAsync(sourcesBelow(join(copy, "packages", packageName)));
  const trial = new Trial(copy, sources);
  for (const fault of await faultsOf(packageName)) {
    if (file !== "" && fault.file !== file) continue;
    const { outcome, detail } = await trial.run(fault);
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    print(`${outcome}  ${packageName}/${fault.file}: ${fault.means}\n        ${detail}`);
  }
}

async function main(names: string[]): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "mutate-" });
  const counts = new Map<string, number>();
  try {
    const copy = await copyOfRepository(folder);
    for (const name of names.length > 0 ? names : PACKAGES) {
      await tryPackage(copy, name, counts);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const { killed = 0, SURVIVED = 0, ...others } = Object.fromEntries(counts);
  print([...counts].map(([outcome, count]) => `${count} ${outcome}`).join(", "));
  if (SURVIVED > 0) return 1;
  return Object.keys(others).length > 0 || killed === 0 ? 2 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
