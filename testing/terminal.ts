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
    args: ["--quiet", "--return", "--command", shellLine(...words), "/dev/null"],
    env: { NO_COLOR: "1", TERM: "dumb" },
    ...{ stdin: "null", stderr: "null" },
  }).output();
  return { code, seen: new TextDecoder().decode(stdout).replaceAll("\r\n", "\n") };
}

/** A shell's command line in a terminal of its own, at which keys can be pressed. */
export class Terminal {
  /** All that a person would have seen so far. */
  seen = "";
  /** The exit code, when it has ended. */
  readonly ended: Promise<number>;
  readonly #script: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;

  /** Starts a command line of a shell; see {@linkcode shellLine}. */
  constructor(line: string, env: Readonly<Record<string, string>> = {}) {
    this.#script = new Deno.Command("script", {
      args: ["--quiet", "--return", "--flush", "--command", line, "/dev/null"],
      env: { NO_COLOR: "1", TERM: "dumb", ...env },
      ...{ stdin: "piped", stdout: "piped", stderr: "null" },
    }).spawn();
    this.#keys = this.#script.stdin.getWriter();
    this.#keys.closed.catch(() => {});
    this.ended = this.#run();
  }

  /** Presses keys: `\x03` is Ctrl-C. */
  async press(keys: string): Promise<void> {
    await this.#keys.write(new TextEncoder().encode(keys)).catch(() => {});
  }

  /** Takes the terminal away, as closing its window does, unless it is gone. */
  hangUp(): void {
    try {
      this.#script.kill("SIGKILL");
    } catch {
      // The command has ended.
    }
  }

  async #run(): Promise<number> {
    for await (const text of this.#script.stdout.pipeThrough(new TextDecoderStream())) {
      this.seen += text.replaceAll("\r\n", "\n");
    }
    await this.#keys.abort().catch(() => {});
    return (await this.#script.status).code;
  }
}

/** Words as one command line. */
export function shellLine(...words: readonly string[]): string {
  return words.map(quoted).join(" ");
}
