/**
 * Questions about files.
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
