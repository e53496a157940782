/**
 * `patch-stream batch`: videos of an archive to patches.
 *
 * @module
 */
import { batchCommands, type Command } from "@vcs/transport/internal";
import { KEEP } from "./options.ts";

/** The subcommands `batch` and `merge`. */
export const batch: readonly Command[] = batchCommands({
  about: "keep the patches of an archive: videos of files, folders, URLs or lists",
  include: ["*.{mp4,m4v,mkv,webm,mov,avi,ts,mts,mpg,mpeg,wmv,flv}"],
  options: KEEP,
  main: import.meta.resolve("../mod.ts"),
  open: async (options, _, processes) => {
    return await (await import("./batch_work.ts")).openWork(options, processes);
  },
});
