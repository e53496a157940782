/**
 * What identifies files: the SHA-256 of their content, which is computed once per change of a file.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { builtin, sha256Of, syncFile } from "@vcs/transport/internal";
import { graphDirectory } from "./paths.ts";

/** Milliseconds after a change in which another one may leave the same times. */
const UNSETTLED = 2000;

/**
 * What changes whenever a file does, found without reading it: size, times and number of the file.
 *
 * @param now the time. Default: the system's.
 * @returns undefined where the file changed just now, so that these say nothing
 * @throws {Deno.errors.NotFound} if there is no such file.
 */
export async function stampOf(path: string, now: number = Date.now()): Promise<string | undefined> {
  const { size, mtime, ctime, ino } = await Deno.stat(path);
  const times = [mtime, ctime].map((time) => time?.getTime() ?? 0);
  if (now - Math.max(...times) < UNSETTLED) return undefined;
  return [size, ...times, ino].join(" ");
}

/** Writes a short file in one step, so that nobody ever reads half of it. */
export async function writeNote(path: string, text: string): Promise<void> {
  const part = `${path}.${crypto.randomUUID()}.part`;
  await Deno.mkdir(dirname(path), { recursive: true });
  try {
    await Deno.writeTextFile(part, text);
    await syncFile(part);
    await Deno.rename(part, path);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    throw error;
  }
}

/**
 * What distinguishes files: the SHA-256 of their content in hexadecimal. It is computed once per
 * change of the file and noted in the cache, where that can be written.
 *
 * @param directory folder of the notes. Default: `graphs` in our cache.
 * @param now the time. Default: the system's.
 * @throws {Deno.errors.NotFound} if there is no such file.
 */
export async function fileIdentity(
  path: string,
  directory: string = graphDirectory(),
  now: number = Date.now(),
): Promise<string> {
  const real = await Deno.realPath(path);
  const stamp = await stampOf(real, now);
  const name = builtin("node:crypto").createHash("sha256").update(real).digest("hex").slice(0, 16);
  const note = join(directory, `${name}.sha256`);
  const [noted, known] = (await Deno.readTextFile(note).catch(() => "")).split("\n");
  if (stamp !== undefined && noted === stamp && known) return known;
  const sha256 = await sha256Of(real);
  // Without the note it is computed again.
  if (stamp !== undefined) await writeNote(note, `${stamp}\n${sha256}\n`).catch(() => {});
  return sha256;
}
