/**
 * Makes a release: one version for all packages, because they are published together and a package
 * finds its siblings' `internal.ts`, which keeps no promise, only at its own version.
 *
 * The versions in the packages' `deno.json` and the head of the changelog are written, committed and
 * tagged; pushing the tag publishes (`.github/workflows/publish.yml`).
 *
 * @module
 */
import { command, flag, operand, runCommand, say, text } from "@vcs/transport/internal";
import { join } from "node:path";
import { ROOT } from "#testing/house.ts";
import { datedChangelog } from "./changelog.ts";

/** What a release needs to know. */
export interface ReleaseOptions {
  /** Folder of the repository. */
  readonly folder: string;
  /** The new version: `1.2.3`. */
  readonly version: string;
  /** Day of the release: `2026-01-31`. */
  readonly date: string;
  /** Whether to check everything and write nothing. */
  readonly dryRun: boolean;
  /** Called with a line about each step. */
  readonly say: (line: string) => void;
}

/** A file of the release, as it will be. */
interface Change {
  readonly path: string;
  readonly text: string;
}

/** Runs a program in a folder and gives what it printed. */
async function run(folder: string, program: string, ...args: string[]): Promise<string> {
  const options = { cwd: folder, args, stderr: "inherit" } as const;
  const { success, code, stdout } = await new Deno.Command(program, options).output();
  if (!success) throw new Error(`Cannot release: ${program} ${args.join(" ")} ended with ${code}`);
  return new TextDecoder().decode(stdout).trim();
}

/** Runs the gate and the tests, with their messages on this terminal. */
async function runChecks(folder: string): Promise<void> {
  const options: Deno.CommandOptions = { cwd: folder, args: ["task", "ok"], stdout: "inherit" };
  const { success } = await new Deno.Command(Deno.execPath(), options).output();
  if (!success) throw new Error("Cannot release: deno task ok failed");
}

/** The numbers of a version. */
function numbersOf(version: string): readonly number[] {
  const found = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/.exec(version);
  if (!found) throw new RangeError(`Cannot release ${version}: expected three numbers, as 1.2.3`);
  return found.slice(1).map(Number);
}

/** Whether a version comes after another one. */
function isLater(version: string, before: string): boolean {
  const [ours, theirs] = [numbersOf(version), numbersOf(before)];
  const at = ours.findIndex((number, i) => number !== theirs[i]);
  return at >= 0 && ours[at]! > theirs[at]!;
}

/** Fails where the work tree has changes, or the tag is taken. */
async function checkTree(folder: string, tag: string): Promise<void> {
  const changes = await run(folder, "git", "status", "--porcelain");
  if (changes !== "") throw new Error(`Cannot release: the work tree has changes:\n${changes}`);
  if (await run(folder, "git", "tag", "--list", tag) !== "") {
    throw new Error(`Cannot release: there is a tag ${tag}`);
  }
}

/** Folders of the workspace's members, of which patterns end in `/*`. */
async function members(folder: string): Promise<string[]> {
  const text = await Deno.readTextFile(join(folder, "deno.json"));
  const { workspace } = JSON.parse(text) as { workspace: string[] };
  const found = workspace.map(async (pattern) => {
    if (!pattern.endsWith("/*")) return [pattern];
    const parent = pattern.slice(0, -2);
    const entries = await Array.fromAsync(Deno.readDir(join(folder, parent)));
    return entries.map(({ name }) => `${parent}/${name}`);
  });
  return (await Promise.all(found)).flat().sort();
}

/** The `deno.json` of each member with the new version. */
async function versionChanges({ folder, version }: ReleaseOptions): Promise<Change[]> {
  const changes: Change[] = [];
  for (const member of await members(folder)) {
    const path = join(member, "deno.json");
    const text = await Deno.readTextFile(join(folder, path));
    const { name, version: before } = JSON.parse(text) as { name: string; version: string };
    if (!isLater(version, before)) {
      throw new RangeError(`Cannot release ${version}: ${name} has ${before}`);
    }
    changes.push({ path, text: text.replace(/("version": ")[^"]*/, `$1${version}`) });
  }
  return changes;
}

async function changelogChange({ folder, version, date }: ReleaseOptions): Promise<Change> {
  const path = "CHANGELOG.md";
  return { path, text: datedChangelog(await Deno.readTextFile(join(folder, path)), version, date) };
}

/**
 * Checks the repository, writes the release, commits and tags it.
 *
 * @throws {RangeError} where the version is not one that comes next.
 * @throws {Error} where the tree has changes, the changelog has nothing new, or a check fails.
 */
export async function release(options: ReleaseOptions): Promise<void> {
  const { folder, version, dryRun, say } = options;
  const tag = `v${version}`;
  const changes = [...await versionChanges(options), await changelogChange(options)];
  await checkTree(folder, tag);
  await runChecks(folder);
  for (const { path } of changes) say(`${dryRun ? "would write" : "writes"} ${path}`);
  if (dryRun) return;
  for (const { path, text } of changes) await Deno.writeTextFile(join(folder, path), text);
  await run(folder, "git", "commit", "--quiet", "--all", "--message", `chore: release ${version}`);
  await run(folder, "git", "tag", "--annotate", tag, "--message", `Version ${version}`);
  say(`tagged ${tag}; to publish it: git push --follow-tags`);
}

if (import.meta.main) {
  await runCommand(command({
    name: "release",
    version: "1",
    about: "check, write, commit and tag a release of all packages",
    operands: { version: operand(text("X.Y.Z"), "the new version") },
    options: { dryRun: flag({ help: "check everything, write nothing" }) },
    run: ({ options: { dryRun }, operands: { version } }) => {
      const date = new Date().toISOString().slice(0, 10);
      return release({ folder: ROOT, version, date, dryRun, say });
    },
  }));
}
