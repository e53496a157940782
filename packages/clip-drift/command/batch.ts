/**
 * `clip-drift batch`: pictures and videos of an archive to embeddings.
 *
 * @module
 */
import { batchCommands, type Command, group, option, whole } from "@vcs/transport/internal";
import { NETWORK } from "./options.ts";

const IMAGES = "jpg,jpeg,png,webp,gif,bmp,tif,tiff,avif";
const VIDEOS = "mp4,m4v,mkv,webm,mov,avi,ts,mts,mpg,mpeg,wmv,flv";

/** Options of the work. */
export const EMBED = {
  ...group("Model", NETWORK),
  frames: option(whole({ min: 1, max: 100_000 }), {
    help: "frames of a video, spread evenly over its length",
    default: 16,
  }),
};

/** The subcommands `batch` and `merge`. */
export const batch: readonly Command[] = batchCommands({
  about: "embed an archive: images and videos of files, folders, URLs or lists",
  include: [`*.{${IMAGES},${VIDEOS}}`],
  options: EMBED,
  main: import.meta.resolve("../mod.ts"),
  open: async (options, signal) => {
    return await (await import("./batch_work.ts")).openWork(options, signal);
  },
});
