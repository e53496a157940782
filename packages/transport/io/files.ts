/**
 * Questions about files, and keeping them.
 *
 * @module
 */

/**
 * Whether there is a file at a path; false also where the system does not let this user look.
 *
 * @throws {Deno.errors.NotCapable} where this process may not look: then nobody knows.
 */
export async function isFile(path: string | URL): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false;
  }
}

/** Brings what was written to a file onto the disk: a power cut may leave a new name and no content. */
export async function syncFile(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true });
  await file.syncData();
}
