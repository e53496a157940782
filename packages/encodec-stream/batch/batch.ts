/**
 * `encodec-stream batch`: audio files of an archive to codes.
 *
 * @module
 */
import { batchCommands, type Command } from "@vcs/transport/internal";
import { CODEC_OPTIONS } from "../command/codec_options.ts";
import { RATE_OPTIONS } from "../command/encoding.ts";

const AUDIO = "wav,wave,flac,mp3,m4a,aac,ogg,oga,opus,aif,aiff,wma,mp4,mkv,webm,mov,avi,ts";

/** The subcommands `batch` and `merge`. */
export const batch: readonly Command[] = batchCommands({
  about: "encode an archive: files, folders, URLs or lists to codes",
  include: [`*.{${AUDIO}}`],
  options: { ...RATE_OPTIONS, ...CODEC_OPTIONS },
  open: async (options, signal) => {
    return await (await import("./batch_work.ts")).openWork(options, signal);
  },
});
