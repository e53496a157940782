/**
 * Starts the commands as a person would, in processes of their own.
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

/** The module of each command: in the workspace, or of the registry that the demo came from. */
const MODULES = {
  "patch-stream": import.meta.resolve("@vcs/patch-stream"),
  "video-vq": import.meta.resolve("@vcs/video-vq"),
  "clip-drift": import.meta.resolve("@vcs/clip-drift"),
  "together": import.meta.resolve("@vcs/together"),
};

/** Starts one of the commands, with its messages on this terminal. */
export function startCommand(
  name: keyof typeof MODULES,
  args: readonly string[],
  { stdin, env = {} }: CommandSetting = {},
): Deno.ChildProcess {
  say(`  $ ${name} ${args.join(" ")}`);
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--no-lock", MODULES[name], ...args],
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

/** Runs one of the commands to its end and gives what it wrote to stdout. */
export function runCommand(name: keyof typeof MODULES, args: readonly string[]): Promise<string> {
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
