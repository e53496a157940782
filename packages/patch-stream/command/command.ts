/**
 * The command `patch-stream`.
 *
 * @module
 */
import { type Command, command, setupCommand } from "@vcs/transport/internal";
import manifest from "../deno.json" with { type: "json" };
import { BENCH, STREAM, VIDEO_FOLDER, VIDEOS } from "./options.ts";

/** The command `patch-stream`: its code is 1 where a video failed; the others are done. */
export const patchStreamCommand: Command = command({
  name: "patch-stream",
  version: manifest.version,
  about: "sample a video uniformly and keep the patches that carry the energy",
  options: STREAM,
  operands: VIDEOS,
  commands: [
    command({
      name: "bench",
      about: "time decoding and processing of a folder's videos",
      options: BENCH,
      operands: VIDEO_FOLDER,
      run: async (invocation) => await (await import("./bench.ts")).bench(invocation),
    }),
    setupCommand(async () => (await import("./needs.ts")).NEEDS),
  ],
  run: async (invocation) => await (await import("./stream.ts")).stream(invocation),
});
