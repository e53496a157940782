/**
 * A command as a process of its own, for tests of its behaviour.
 *
 * @module
 */
import { command, type Command } from "../command.ts";
import { operand } from "../options.ts";
import { runCommand } from "../run.ts";
import { print, say } from "../terminal.ts";
import { UsageError } from "../usage_error.ts";
import { text, whole } from "../values.ts";

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

const sample: Command = command({
  ...{ name: "sample", version: "1.0.0", about: "manners" },
  commands: [
    command({
      ...{ name: "end", about: "end with an exit code" },
      operands: { code: operand(whole(), "exit code") },
      run: ({ operands }) => Promise.resolve(operands.code),
    }),
    command({
      ...{ name: "fail", about: "fail with a message" },
      operands: { message: operand(text(), "message") },
      run: ({ operands }) => Promise.reject(new Error(operands.message)),
    }),
    command({
      ...{ name: "stray", about: "fail in a callback, or in a promise that nobody waits for" },
      operands: { where: operand(text(), "callback or promise") },
      run({ operands }) {
        const fail = () => {
          throw new Error("lost");
        };
        if (operands.where === "callback") setTimeout(fail);
        else void Promise.resolve().then(fail);
        return new Promise((resolve) => setTimeout(resolve, 600_000));
      },
    }),
    command({
      ...{ name: "misuse", about: "find wrong usage late" },
      run: () => Promise.reject(new UsageError("found nothing, expected something")),
    }),
    command({
      ...{ name: "flood", about: "print without end" },
      async run() {
        for (;;) {
          print("x".repeat(1000));
          await pause(0);
        }
      },
    }),
    command({
      ...{ name: "wait", about: "wait for a signal, then close for some milliseconds" },
      operands: { closing: operand(whole(), "milliseconds") },
      async run({ operands, signal }) {
        const timer = setInterval(() => {}, 1000);
        const end = aborted(signal);
        say("ready");
        await end;
        say("closing");
        await pause(operands.closing);
        clearInterval(timer);
        print("closed");
      },
    }),
    command({
      ...{ name: "throw", about: "wait for a signal, and throw its reason" },
      async run({ signal }) {
        const timer = setInterval(() => {}, 1000);
        const end = aborted(signal);
        say("ready");
        await end;
        clearInterval(timer);
        signal.throwIfAborted();
      },
    }),
  ],
});

await runCommand(sample);
