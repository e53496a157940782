/**
 * What a built model must be: a list of its files with sizes and SHA-256, beside them.
 *
 * @module
 */
import { join } from "node:path";
import { sha256Of } from "@vcs/transport/internal";
import { stampOf, writeNote } from "./identity.ts";

/** Name of the list. */
const NAME = "manifest.json";

/** A file of a model. */
interface ManifestFile {
  /** Bytes. */
  readonly size: number;
  /** Of its content, in hexadecimal. */
  readonly sha256: string;
  /** How it looked when its content was last compared. */
  readonly stamp?: string | undefined;
}

/** What stands in the list. */
export interface Manifest {
  /** What the model's weights come from. */
  readonly source: readonly string[];
  /** Its files by name. */
  readonly files: { readonly [name: string]: ManifestFile };
}

/** Describes files of a folder as they are now. */
export async function describeFiles(
  folder: string,
  names: readonly string[],
  source: readonly string[],
): Promise<Manifest> {
  const files = names.map(async (name): Promise<[string, ManifestFile]> => {
    const path = join(folder, name);
    return [name, { size: (await Deno.stat(path)).size, sha256: await sha256Of(path) }];
  });
  return { source, files: Object.fromEntries(await Promise.all(files)) };
}

/** Puts a list into a model's folder. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await writeNote(join(folder, NAME), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

async function readManifest(folder: string): Promise<Partial<Manifest> | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(join(folder, NAME))) ?? undefined;
  } catch {
    return undefined;
  }
}

/**
 * Compares a file with what stands of it in the list: its size always, the content of large files
 * once per change.
 *
 * @returns what to note of it, or undefined where it is another
 */
async function compare(path: string, file: ManifestFile | undefined, now: number) {
  try {
    const [{ size }, stamp] = [await Deno.stat(path), await stampOf(path, now)];
    if (size !== file?.size) return undefined;
    const isKnown = stamp !== undefined && stamp === file.stamp && !path.endsWith(".onnx");
    return isKnown || await sha256Of(path) === file.sha256 ? { ...file, stamp } : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return undefined;
  }
}

/**
 * Whether a model's files are what its list says.
 *
 * @param now the time. Default: the system's.
 * @returns `missing` where there is no list, which is written last
 */
export async function checkFiles(
  folder: string,
  names: readonly string[],
  now: number = Date.now(),
): Promise<"right" | "damaged" | "missing"> {
  const manifest = await readManifest(folder);
  if (manifest === undefined) return "missing";
  const files: { [name: string]: ManifestFile } = {};
  let isNews = false;
  for (const name of names) {
    const known = manifest.files?.[name];
    const found = await compare(join(folder, name), known, now);
    if (found === undefined) return "damaged";
    files[name] = found;
    isNews ||= found.stamp !== undefined && found.stamp !== known?.stamp;
  }
  // Without the note the content is compared again.
  const { source = [] } = manifest;
  if (isNews) await writeManifest(folder, { source, files }).catch(() => {});
  return "right";
}
