/**
 * Runs commands in a terminal of their own, by `script` of util-linux.
 *
 * @module
 */
import { hasPrograms } from "./shared.ts";

/** Whether commands can be run so. */
export const hasTerminal: boolean = Deno.build.os === "linux" && hasPrograms("script");

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

/** Runs a module as a command; gives all that a person would see, and the exit code. */
export async function inTerminal(
  module: string,
  ...args: string[]
): Promise<{ code: number; seen: string }> {
  const words = [Deno.execPath(), "run", "--quiet", "--no-check", "-A", module, ...args];
  const { code, stdout } = await new Deno.Command("script", {
    args: ["--quiet", "--return", "--command", words.map(quoted).join(" "), "/dev/null"],
    env: { NO_COLOR: "1", TERM: "dumb" },
    ...{ stdin: "null", stderr: "null" },
  }).output();
  return { code, seen: new TextDecoder().decode(stdout).replaceAll("\r\n", "\n") };
}
