/**
 * The command `patch-stream`.
 *
 * @module
 */
import { doctorCommand } from "@vcs/onnx/internal";
import { ModelCatalog } from "@vcs/onnx/store";
import { type Command, command, setupCommand } from "@vcs/transport/internal";
import manifest from "../deno.json" with { type: "json" };
import { batch } from "./batch.ts";
import { joinLists, joinView } from "./old_lines.ts";
import { BENCH, LISTS, STREAM, VIDEO_OR_FOLDER, VIDEOS } from "./options.ts";

const plain = command({
  name: "patch-stream",
  version: manifest.version,
  about: "sample a video uniformly and keep the patches that carry the energy",
  options: STREAM,
  operands: VIDEOS,
  commands: [
    command({
      name: "bench",
      about: "time decoding and processing of a video, or a folder's",
      options: BENCH,
      operands: VIDEO_OR_FOLDER,
      run: async (invocation) => await (await import("./bench.ts")).bench(invocation),
    }),
    ...batch,
    doctorCommand(new ModelCatalog([])),
    setupCommand(async () => (await import("./needs.ts")).NEEDS),
  ],
  run: async (invocation) => await (await import("./stream.ts")).stream(invocation),
});

/** The command `patch-stream`: its code is 1 where a video failed; the others are done. */
export const patchStreamCommand: Command = {
  ...plain,
  invoke: (args, context) =>
    plain.invoke(args[0] === "bench" ? joinLists(args, LISTS) : joinView(args), context),
};
