/**
 * Where tests find real media and reference numbers: the folder `shared` beside the repository.
 * It is not part of the repository; without it the tests that need it are reported as ignored,
 * and in CI (`CI` set and not empty) they fail.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = new URL("../../shared/", import.meta.url);

/** Path of a file in the shared folder, as `sharedPath("data/video/black_25s.mp4")`. */
export function sharedPath(name: string): string {
  return fileURLToPath(new URL(name, folder));
}

/** Whether the shared folder is there. */
export const hasShared: boolean = existsSync(folder);

const inCI = Boolean(Deno.env.get("CI"));

/** Options for a test that needs something: ignored where it is missing, except in CI. */
export function needs(...present: boolean[]): { ignore: boolean } {
  return { ignore: !inCI && !present.every(Boolean) };
}

/** What a test needs, by what a reader of its name calls it, and whether it is there. */
export type Needed = Readonly<Record<string, boolean>>;

/** Name and options of a test that is ignored where something is missing: its name then says what. */
export function whereThere(name: string, needed: Needed): { name: string; ignore: boolean } {
  const missing = Object.keys(needed).filter((what) => !needed[what]);
  if (missing.length === 0) return { name, ignore: false };
  return { name: `${name} (needs ${missing.join(", and ")})`, ignore: true };
}

/** The same for what CI has: there the test is run, and fails where it is missing. */
export function needing(name: string, needed: Needed): { name: string; ignore: boolean } {
  return { ...whereThere(name, needed), ...(inCI && { ignore: false }) };
}

/** A test that reads the shared folder. */
export function sharedTest(
  name: string,
  fn: (t: Deno.TestContext) => void | Promise<void>,
): void {
  Deno.test({ name, ...needs(hasShared), fn });
}

/** Path of a program on PATH, or undefined. */
export function findProgram(name: string): string | undefined {
  const separator = Deno.build.os === "windows" ? ";" : ":";
  return (Deno.env.get("PATH") ?? "").split(separator)
    .map((directory) => `${directory}/${name}`)
    .find((path) => existsSync(path));
}

/** Whether all the programs are on PATH. */
export function hasPrograms(...names: string[]): boolean {
  return names.every((name) => findProgram(name) !== undefined);
}
