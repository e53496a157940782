/**
 * Runs the command of `queue_command.ts` to its end.
 *
 * @module
 */

const COMMAND = import.meta.resolve("./queue_command.ts");

/** What came of it. */
export interface KnownResult {
  readonly code: number;
  readonly stdout: string;
  /** What it wrote on its standard error. */
  readonly said: string;
}

/** Runs it in a process of its own. */
export async function runKnown(
  args: readonly string[],
  { stdin = "" }: { readonly stdin?: string } = {},
): Promise<KnownResult> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", COMMAND, ...args],
    env: { NO_COLOR: "1" },
    ...{ stdin: "piped", stdout: "piped", stderr: "piped" },
  }).spawn();
  const writing = new Response(stdin).body?.pipeTo(child.stdin) ?? child.stdin.close();
  const { code, stdout, stderr } = await child.output();
  await writing;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), said: text(stderr) };
}
