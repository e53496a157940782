/**
 * One end of a channel as a process of its own, which can be killed, stopped and started again.
 *
 * @module
 */
import { collectLines } from "../../packages/transport/testing/command.ts";

const SCRIPT = new URL("../../packages/transport/mod.ts", import.meta.url).href;

/** `transport send` or `transport receive`. */
export class End {
  readonly #process: Deno.ChildProcess;
  readonly #lines: string[] = [];
  readonly #errors: string[] = [];
  readonly #done: Promise<unknown>;
  #taken = 0;
  /** Its exit code, once it has ended and all its lines are there. */
  code: number | undefined;

  /** Starts it. */
  constructor(...args: string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "-A", SCRIPT, ...args],
      ...{ stdin: "null", stdout: "piped", stderr: "piped", env: { NO_COLOR: "1" } },
    }).spawn();
    this.#done = this.#run();
  }

  /** What it wrote to stderr. */
  get errors(): string {
    return this.#errors.join("\n");
  }

  /** The lines that came since the last call. */
  take(): string[] {
    const lines = this.#lines.slice(this.#taken);
    this.#taken = this.#lines.length;
    return lines;
  }

  /** Sends a signal, if it is there to get it. */
  signal(name: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void {
    try {
      if (this.code === undefined) this.#process.kill(name);
    } catch {
      // It has just ended.
    }
  }

  /** Kills it and waits until it is gone. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#done;
  }

  async #run(): Promise<void> {
    const { stdout, stderr, status } = this.#process;
    const reading = [collectLines(stdout, this.#lines), collectLines(stderr, this.#errors)];
    const { code } = await status;
    await Promise.all(reading);
    this.code = code;
  }
}
