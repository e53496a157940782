/**
 * `encodec-stream cut | concat | set`: edits without encoding again.
 *
 * @module
 */
import {
  anyText,
  type Command,
  command,
  defined,
  file,
  fileOrUrl,
  operand,
  operands,
  option,
  OutputFile,
  refuseTerminal,
  say,
  UsageError,
} from "@vcs/transport/internal";
import { concat, cut, setTitles } from "../container/edit.ts";
import { EcdcReader } from "../container/reader.ts";
import type { EcdcSink } from "../container/writer.ts";
import { openSink } from "./open_sink.ts";
import { SECONDS } from "./seconds.ts";

const OUTPUT = {
  output: option(file(), {
    help: "where to write; - is standard output",
    short: "o",
    default: "-",
  }),
};

const FILE = operand(fileOrUrl(), "what to read");

/** Writes a file of some inputs. */
async function written<T>(
  path: string,
  inputs: readonly string[],
  signal: AbortSignal,
  write: (readers: EcdcReader[], sink: EcdcSink) => Promise<T>,
): Promise<T> {
  refuseTerminal(path, "an .ecdc file", "-o FILE");
  await using output = await OutputFile.open(path, { inputs });
  await using open = new AsyncDisposableStack();
  const readers: EcdcReader[] = [];
  for (const input of inputs) readers.push(open.use(await EcdcReader.open(input, { signal })));
  let result: T;
  {
    await using sink = await openSink(output.part);
    result = await write(readers, sink);
  }
  await output.commit();
  return result;
}

/** The subcommand `cut`. */
const cutCommand: Command = command({
  name: "cut",
  about: "a part of a file, on the edges of segments (0.99 s) or frames (13 ms)",
  operands: { file: FILE },
  options: {
    from: option(SECONDS, { help: "second to start at", default: 0 }),
    to: option(SECONDS, { help: "second to stop at", defaultText: "the end" }),
    ...OUTPUT,
  },
  async run({ options: { from, to = Infinity, output }, operands: { file }, signal }) {
    const part = await written(
      output,
      [file],
      signal,
      ([reader], sink) => cut(reader!, sink, { from, to }),
    );
    say(`${output}: ${part.from.toFixed(3)} to ${part.to.toFixed(3)} s of ${file}`);
  },
});

/** The subcommand `concat`. */
const concatCommand: Command = command({
  name: "concat",
  about: "files of one kind, one after the other, with the titles of the first",
  operands: { files: operands(fileOrUrl(), "what to read", 1) },
  options: OUTPUT,
  async run({ options: { output }, operands: { files }, signal }) {
    const seconds = await written(output, files, signal, concat);
    say(`${output}: ${seconds.toFixed(3)} s`);
  },
});

/** The subcommand `set`. */
const setCommand: Command = command({
  name: "set",
  about: "other titles for a file; an empty one is removed",
  operands: { file: FILE },
  options: {
    title: option(anyText("TITLE"), { help: "title" }),
    source: option(anyText("URL"), { help: "where it comes from" }),
    thumbnail: option(anyText("URL"), { help: "its image" }),
    ...OUTPUT,
  },
  async run({ options: { output, ...titles }, operands: { file }, signal }) {
    const changed = defined(titles);
    if (Object.keys(changed).length === 0) {
      throw new UsageError(
        "Cannot set titles: found none, expected --title, --source or --thumbnail",
      );
    }
    await written(output, [file], signal, ([reader], sink) => setTitles(reader!, sink, changed));
  },
});

/** The subcommands `cut`, `concat` and `set`. */
export const editCommands: readonly Command[] = [cutCommand, concatCommand, setCommand];
