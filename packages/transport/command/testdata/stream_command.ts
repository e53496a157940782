/**
 * A command in Encodec-Stream's dialect, for tests.
 *
 * @module
 */
import { command, type Command } from "../command.ts";
import { flag, operand, option, optionalOperand, type OptionTable } from "../options.ts";
import { choice, file, number, text, whole } from "../values.ts";

const shared = {
  gpu: option(whole({ min: 0 }), { help: "which GPU", short: "g" }),
  lowLatency: flag({ help: "short chunks" }),
};

/** Makes the command; each run is reported as mode, options and file. */
export function streamCommand(report: (run: unknown[]) => void): Command {
  const mode = (name: string, modes: string[], options: OptionTable) =>
    command({
      ...{ name, modes, about: `${name} a file`, options },
      operands: { file: operand(file("FILE"), "the file") },
      run: ({ options, operands }) => Promise.resolve(report([name, options, operands.file])),
    });
  const decode = {
    from: option(number({ min: 0, placeholder: "SEC" }), { help: "start", dash: "ss" }),
    to: option(number({ min: 0, placeholder: "SEC" }), { help: "end", dash: "to" }),
    batch: option(whole({ min: 0 }), { help: "segments", short: "b", default: 16 }),
    format: option(choice(["s16", "f32"]), { help: "format" }),
    output: option(file(), { help: "where to", short: "o" }),
    ...shared,
  };
  const encode = {
    bitrate: option(text("KBPS"), { help: "bitrate", short: "b" }),
    name: option(text("TITLE"), { help: "title", short: "n" }),
    ...shared,
  };
  return command({
    ...{ name: "stream", version: "1.2.3", about: "audio as a stream" },
    commands: [
      mode("info", ["-i", "--info"], { json: flag({ help: "as JSON" }) }),
      mode("decode", ["-d", "--decode"], decode),
      mode("encode", ["-e", "--encode"], encode),
      command({
        ...{ name: "play", about: "play it on a page" },
        operands: { file: optionalOperand(file("FILE"), "what to play") },
        run: ({ operands }) => Promise.resolve(report(["play", {}, operands.file])),
      }),
    ],
  });
}
