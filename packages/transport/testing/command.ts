/**
 * The command of this package as a process of its own, for tests that kill it; the lines of any.
 *
 * @module
 */

/** Puts the lines of an output behind those that are there, until it ends. */
export async function collectLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  lines: string[],
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    lines.push(...parts);
  }
}

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
    this.#reading = collectLines(process.stdout, this.lines);
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
