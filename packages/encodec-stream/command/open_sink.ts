/**
 * Where the command writes encoded and decoded bytes.
 *
 * @module
 */
import { builtin } from "@vcs/transport/internal";
import { fileSink, stdoutSink } from "../container/sinks.ts";
import type { EcdcSink } from "../container/writer.ts";

/** Whether standard output goes to a file, which is read when it is whole. */
function isStdoutFile(): boolean {
  try {
    return builtin("node:fs").fstatSync(1).isFile();
  } catch {
    return false;
  }
}

/** A file to write, or standard output for `-`. */
export async function openSink(path: string): Promise<EcdcSink & AsyncDisposable> {
  return path === "-" ? stdoutSink(isStdoutFile()) : await fileSink(path);
}
