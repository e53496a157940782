/**
 * What a step of the demo is: it runs one command of ours on media of ours, and leaves files that
 * the demo's page links.
 *
 * @module
 */

import { say } from "@vcs/transport/cli";

/** Something that a step made, for the page. */
export interface DemoResult {
  /** File to open, relative to the demo's folder. */
  readonly href: string;
  /** What it is, in a few words. */
  readonly label: string;
}

/** A step of the demo. */
export interface DemoStep {
  /** Name of the package. */
  readonly name: string;
  /** What happens, in one sentence. */
  readonly summary: string;
  /** Runs the step; its files go into the folder. */
  run(folder: string): Promise<readonly DemoResult[]>;
}

/** Starts one of the workspace's commands, with its messages on this terminal. */
export function startCommand(name: string, args: readonly string[]): Deno.ChildProcess {
  const module = new URL(`../../packages/${name}/mod.ts`, import.meta.url).href;
  say(`$ ${name} ${args.join(" ")}`);
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--frozen", module, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

/** Waits for a command and gives what it wrote to stdout. */
export async function outputOf(name: string, command: Deno.ChildProcess): Promise<string> {
  const { code, stdout } = await command.output();
  if (code !== 0) throw new Error(`Cannot go on with the demo: ${name} ended with code ${code}`);
  return new TextDecoder().decode(stdout);
}

/** Runs one of the workspace's commands to its end and gives what it wrote to stdout. */
export function runCommand(name: string, args: readonly string[]): Promise<string> {
  return outputOf(name, startCommand(name, args));
}
