/**
 * `video-vq batch`: videos of an archive to tokens.
 *
 * @module
 */
import { batchCommands, choice, type Command, group, option } from "@vcs/transport/internal";
import { FRAMES, MODEL } from "./options.ts";

const { size, fit, cropSeed, tail, onError } = FRAMES;

/** Options of the work. */
export const TOKENIZE = {
  ...MODEL,
  ...{ size, fit, cropSeed, onError },
  ...group("Frames", {
    // Windows of one item share a shape.
    tail: option(choice(["pad", "drop"]), { help: tail.help, default: "pad" }),
  }),
};

/** The subcommands `batch` and `merge`. */
export const batch: readonly Command[] = batchCommands({
  about: "encode an archive: videos of files, folders, URLs or lists to tokens",
  include: ["*.{mp4,m4v,mkv,webm,mov,avi,ts,mts,mpg,mpeg,wmv,flv}"],
  options: TOKENIZE,
  open: async (options, signal) => {
    return await (await import("./batch_work.ts")).openWork(options, signal);
  },
});
