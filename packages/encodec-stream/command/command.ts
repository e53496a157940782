/**
 * The command `encodec-stream`: Encodec-Stream's modes and options, found anywhere in the line, and
 * subcommands.
 *
 * @module
 */
import { exportCommand, modelCommands } from "@vcs/onnx/internal";
import { type Command, command, setupCommand } from "@vcs/transport/internal";
import config from "../deno.json" with { type: "json" };
import { CODEC_MODELS } from "../network/catalog.ts";
import { play } from "../page/play.ts";
import { batch } from "../batch/batch.ts";
import { codesCommand } from "./codes.ts";
import { decode } from "./decode.ts";
import { editCommands } from "./edit.ts";
import { encode } from "./encode.ts";
import { info } from "./info.ts";
import { repairCommand } from "./repair.ts";

/** The command. */
export const encodecStream: Command = command({
  name: "encodec-stream",
  version: config.version,
  about: "neural audio as a stream: reads, decodes and encodes .ecdc",
  // Of several modes in a line the first one here counts: the more cautious, as in the original.
  commands: [
    ...[
      info,
      decode,
      encode,
      ...batch,
      repairCommand,
      ...editCommands,
      codesCommand,
      play,
      ...modelCommands(CODEC_MODELS),
      exportCommand(CODEC_MODELS, {
        options: {},
        open: async (model, _, signal) =>
          await (await import("../network/exported.ts")).openGraphs(model, signal),
      }),
    ],
    setupCommand(async () => (await import("./needs.ts")).NEEDS),
  ],
});
