/**
 * Runs the programs ffmpeg and ffprobe: output as a stream, messages line by line, and an end in
 * every case.
 *
 * @module
 */
import { onAbort } from "@vcs/transport/internal";
import { MediaError } from "../errors.ts";

/** How many of the last message lines are kept for errors. */
const KEPT_LINES = 8;

/** Splits a stream of bytes into lines of text. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream() as TextDecoding)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}

type TextDecoding = TransformStream<Uint8Array, string>;

/** A running program. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #messages: string[] = [];
  readonly #aborting: Disposable;
  #disposed = false;

  /** Resolves after the last message. */
  readonly drained: Promise<void>;

  /**
   * Starts a program.
   *
   * @param onMessage called for every line on standard error
   * @param stdin "piped" to write to it. Default: closed.
   * @param signal ends the program
   */
  constructor(
    name: string,
    args: readonly string[],
    onMessage?: (line: string) => void,
    stdin: "null" | "piped" = "null",
    signal?: AbortSignal,
  ) {
    signal?.throwIfAborted();
    const command = new Deno.Command(name, {
      args: [...args],
      stdin,
      stdout: "piped",
      stderr: "piped",
    });
    this.#child = command.spawn();
    this.drained = this.#drain(onMessage);
    this.#aborting = onAbort(signal, () => this.#kill());
  }

  async #drain(onMessage: ((line: string) => void) | undefined): Promise<void> {
    for await (const line of linesOf(this.#child.stderr)) {
      onMessage?.(line);
      this.#messages.push(line);
      if (this.#messages.length > KEPT_LINES) this.#messages.shift();
    }
  }

  /** Where the program reads from, if that was asked for. */
  get stdin(): WritableStream<Uint8Array> {
    return this.#child.stdin;
  }

  /** What the program writes. */
  get stdout(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#child.stdout;
  }

  /** The last messages, in one line. */
  get complaint(): string {
    const lines = this.#messages.map((line) => line.trim()).filter((line) => line !== "");
    return lines.slice(-2).join("; ") || "no message";
  }

  /** Waits for the program's end. Its output has to be read or cancelled before. */
  async finish(): Promise<boolean> {
    const [{ success }] = await Promise.all([this.#child.status, this.drained]);
    return success;
  }

  #kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }

  /** Ends the program. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#aborting[Symbol.dispose]();
    this.#kill();
    if (!this.#child.stdout.locked) await this.#child.stdout.cancel().catch(() => {});
    await this.finish();
  }
}

/** Runs a program to its end and gives what it wrote, as text; rejects where it fails. */
export async function outputOf(
  name: string,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const parts: string[] = [];
  await using program = new Program(name, args, undefined, "null", signal);
  for await (const text of program.stdout.pipeThrough(new TextDecoderStream() as TextDecoding)) {
    parts.push(text);
  }
  signal?.throwIfAborted();
  if (await program.finish()) return parts.join("");
  throw new MediaError("invalid-media", `Cannot read media: ${name} says ${program.complaint}`);
}
