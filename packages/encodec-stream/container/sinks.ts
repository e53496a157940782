/**
 * Where encoded bytes go: files, whose headers can be patched at the end, and pipes.
 *
 * @module
 */
import { writeAll } from "@vcs/transport/portable";
import type { EcdcSink } from "./writer.ts";

/**
 * A file to write; an existing one is overwritten. Close it with `await using`.
 *
 * @throws {Deno.errors.NotFound} if its folder does not exist.
 */
export async function fileSink(path: string): Promise<EcdcSink & AsyncDisposable> {
  const file = await Deno.open(path, { write: true, create: true, truncate: true });
  const close = (): Promise<void> => Promise.resolve(file.close());
  const { isFile } = await file.stat();
  // A pipe's error is one that commands know.
  if (!isFile) return { write: (bytes) => writeAll(file, bytes), [Symbol.asyncDispose]: close };
  const write = (bytes: Uint8Array) =>
    writeAll(file, bytes).catch((cause) => {
      throw new Error(`Cannot write ${path}: ${cause.message}`, { cause });
    });
  return {
    write,
    async rewriteStart(bytes) {
      await file.seek(0, Deno.SeekMode.Start);
      await write(bytes);
      await file.seek(0, Deno.SeekMode.End);
    },
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Standard output; closing it leaves it open.
 *
 * @param patient whether everything may come at the end. Default: false.
 */
export function stdoutSink(patient = false): EcdcSink & AsyncDisposable {
  return {
    write: (bytes) => writeAll(Deno.stdout, bytes),
    patient,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
