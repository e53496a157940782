/**
 * The command of this package as a process of its own, for tests that kill it.
 *
 * @module
 */

/** `transport receive` or `transport send` as a process of its own. */
export class Command {
  readonly lines: string[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<void>;

  constructor(...args: string[]) {
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "-A", import.meta.resolve("../mod.ts"), ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#process = process;
    this.#reading = (async () => {
      let rest = "";
      for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!;
        this.lines.push(...lines);
      }
    })();
  }

  async end(): Promise<void> {
    await this.#reading;
    await this.#process.status;
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.end();
  }
}
