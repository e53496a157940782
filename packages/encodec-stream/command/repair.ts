/**
 * `encodec-stream repair`: finishes a recording that a power cut left as `FILE.part`.
 *
 * @module
 */
import {
  type Command,
  command,
  file,
  operand,
  option,
  OutputFile,
  say,
  UsageError,
} from "@vcs/transport/internal";
import { EcdcReader } from "../container/reader.ts";
import { repair } from "../container/repair.ts";
import { openSink } from "./open_sink.ts";

const SUFFIX = ".part";

/** The subcommand `repair`. */
export const repairCommand: Command = command({
  name: "repair",
  about: "finish a recording that was cut off: FILE.part becomes FILE",
  operands: { part: operand(file("FILE.part"), "what a writer left") },
  options: {
    output: option(file(), {
      help: "where to write; then the part stays",
      short: "o",
      defaultText: "the name without .part",
    }),
  },
  async run({ options, operands: { part }, signal }) {
    if (!part.endsWith(SUFFIX) && options.output === undefined) {
      throw new UsageError(
        `Cannot name the repaired ${part}: expected FILE.part, or --output FILE`,
      );
    }
    await using output = await OutputFile.open(options.output ?? part.slice(0, -SUFFIX.length), {
      inputs: [part],
    });
    await using reader = await EcdcReader.open(part, { signal });
    let seconds: number;
    {
      await using sink = await openSink(output.part);
      seconds = await repair(reader, sink);
    }
    await output.commit();
    if (options.output === undefined) await Deno.remove(part);
    say(`${output.path}: ${seconds.toFixed(2)} s`);
  },
});
