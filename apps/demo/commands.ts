/**
 * Starts the workspace's commands as a person would, in processes of their own.
 *
 * @module
 */
import { say } from "@vcs/transport/internal";

/** What a command is given beside its arguments. */
export interface CommandSetting {
  /** Bytes for its standard input. Default: none. */
  readonly stdin?: "piped";
  /** Variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts one of the workspace's commands, with its messages on this terminal. */
export function startCommand(
  name: string,
  args: readonly string[],
  { stdin, env = {} }: CommandSetting = {},
): Deno.ChildProcess {
  const module = new URL(`../../packages/${name}/mod.ts`, import.meta.url).href;
  say(`  $ ${name} ${args.join(" ")}`);
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--frozen", module, ...args],
    stdin: stdin ?? "null",
    stdout: "piped",
    stderr: "inherit",
    env,
  }).spawn();
}

/** Waits for a command, to its end or interrupted, and gives what it wrote to stdout. */
export async function outputOf(name: string, command: Deno.ChildProcess): Promise<string> {
  const { code, stdout } = await command.output();
  if (code !== 0 && code !== 130) throw new Error(`${name} ended with code ${code}`);
  return new TextDecoder().decode(stdout);
}

/** Runs one of the workspace's commands to its end and gives what it wrote to stdout. */
export function runCommand(name: string, args: readonly string[]): Promise<string> {
  return outputOf(name, startCommand(name, args));
}

/** Ends a command as Ctrl-C does, where it has not ended by itself. */
export function interrupt(command: Deno.ChildProcess): void {
  try {
    command.kill("SIGINT");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}
