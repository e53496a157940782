/**
 * Questions about files.
 *
 * @module
 */

/** Whether there is a file at a path; false also where that may not be read. */
export async function isFile(path: string | URL): Promise<boolean> {
  return await Deno.stat(path).then((info) => info.isFile, () => false);
}
