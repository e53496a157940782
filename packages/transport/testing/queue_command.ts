/**
 * A command whose `batch` does what the texts say that it works on: a process of its own, for tests of
 * queues that kill it, and of items in processes of their own where `KNOWN_PROCESSES` is set.
 *
 * @module
 */
import config from "../deno.json" with { type: "json" };
import { batchCommands } from "../batch/command.ts";
import type { BatchRecord } from "../batch/record.ts";
import { command } from "../command/command.ts";
import { option } from "../command/options.ts";
import { runCommand } from "../command/run.ts";
import { text } from "../command/values.ts";
import { TransportError } from "../errors.ts";
import { knownWork, recordOf } from "./batch_work.ts";

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/**
 * `hold PATH` makes `PATH.begun` and waits for PATH, `flaky PATH` fails while PATH is not there and
 * makes it, `bad` and `worse` always fail, each in its way, `deadly` ends the process.
 */
async function act(words: string, signal: AbortSignal): Promise<void> {
  const [word, path = ""] = words.split(" ");
  if (word === "hold") {
    await Deno.writeTextFile(`${path}.begun`, "");
    while (!await isThere(path)) {
      signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  if (word === "worse") throw new TransportError("truncated", "Cannot read it: it is worse");
  const fails = word === "bad" || word === "flaky" && !await isThere(path);
  if (word === "flaky") await Deno.writeTextFile(path, "");
  if (fails) throw new TransportError("format", `Cannot read it: it is ${word}`);
  if (word === "deadly") Deno.kill(Deno.pid, "SIGKILL");
}

/** What `read BYTES OF` has read of a source elsewhere. */
function receivedBy(words: string): Pick<BatchRecord, "received"> {
  const [word, bytes, of] = words.split(" ");
  return word === "read" ? { received: { bytes: Number(bytes), of: Number(of) } } : {};
}

const known = command({
  name: "known",
  about: "make records of texts",
  version: config.version,
  commands: batchCommands({
    about: "make records of texts",
    include: ["*.txt"],
    options: { model: option(text("NAME"), { help: "which", default: "a" }) },
    // Tests that kill it want it in one piece.
    ...(Deno.env.get("KNOWN_PROCESSES") && { main: import.meta.url }),
    open: ({ model }) =>
      Promise.resolve(knownWork({
        settings: { command: "known", model },
        sharesModel: model === "shared",
        async run({ key, source }, signal) {
          const words = (await Deno.readTextFile(source)).trim();
          await act(words, signal);
          return { ...recordOf(key), ...receivedBy(words) };
        },
      })),
  }),
});

if (import.meta.main) await runCommand(known);
