/**
 * `encodec-stream -i`: what a file says about itself. Only its header is read.
 *
 * @module
 */
import {
  type Command,
  command,
  fileOrUrl,
  flag,
  operand,
  option,
  print,
  whole,
} from "@vcs/transport/internal";
import { describeHeader, summarizeHeader } from "../container/header_summary.ts";
import { EcdcReader } from "../container/reader.ts";

/** The subcommand `-i`. */
export const info: Command = command({
  name: "info",
  modes: ["-i", "--info"],
  about: "print what a file says about itself",
  operands: { file: operand(fileOrUrl(), "what to read; - is standard input") },
  options: {
    json: flag({ help: "print it as JSON" }),
    // The original takes it in every mode.
    gpu: option(whole({ min: -1 }), { help: "ignored", short: "g", hidden: true }),
  },
  async run({ options, operands, signal }) {
    await using reader = await EcdcReader.open(operands.file, { signal });
    const { header, surplus = null } = reader;
    if (options.json) print(JSON.stringify({ ...summarizeHeader(header), surplus }));
    else print(describeHeader(header).trimEnd());
  },
});
