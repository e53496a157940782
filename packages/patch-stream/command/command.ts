/**
 * The command `patch-stream`.
 *
 * @module
 */
import { print, UsageError } from "@vcs/transport/internal";
import { helpLines, otherFlags } from "./flags.ts";

/** Fields that `--help` explains; the others it only names. */
const EXPLAINED = [
  "sequenceLength",
  "kKeep",
  "patchSize",
  "inputSize",
  "selectionUnit",
  "energy",
  "keyFrames",
  "sampling",
  "outputDtype",
  "normalize",
  "flatten",
  "antialias",
  "staticFallback",
  "decodeBackend",
  "processBackend",
  "onError",
];

function help(): string {
  return `patch-stream: sample a video uniformly and keep the patches that carry the energy

Usage:
  patch-stream [options] <video…>        write the patches of each video to a file
  patch-stream bench [options] <folder>  time decoding and processing of a folder's videos

Options:
  -o, --out-dir <folder>                       where files go (the working folder)
  --format <safetensors|npz|none>              what is written (safetensors)
  --view                                       write a page for each video: kept patches, energy
  --json                                       one line of JSON for each video on stdout
  --concurrency <n>                            videos at once (1)
  --reference                                  the numbers of codec-patch-stream, patch for patch
  -h, --help                                   this text
${helpLines(EXPLAINED).join("\n")}
bench:
  --limit <n>                                  only the first videos of the folder
  --apis <decode_only,patch_stream>            what to time (both)
  --decode-backends, --process-backends <cpu,gpu>   where (cpu)
Also, as the README explains:
${otherFlags(EXPLAINED).join("\n")}
`;
}

/**
 * Runs the command.
 *
 * @param args what comes after the command's name
 * @param signal ends the work
 * @returns the exit code: 0 where every video was done, 1 where one failed
 * @throws {UsageError} for wrong usage: exit code 2
 */
export async function main(args: string[], signal: AbortSignal): Promise<number> {
  if (args.some((arg) => arg === "--help" || arg === "-h")) {
    print(help().trimEnd());
    return 0;
  }
  if (args.length === 0) throw new UsageError("no video given");
  if (args[0] === "bench") {
    return await (await import("./bench.ts")).bench(args.slice(1), signal);
  }
  return await (await import("./stream.ts")).stream(args, signal);
}
