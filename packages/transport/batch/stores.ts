/**
 * Opens the place of an output by its name.
 *
 * @module
 */
import { UsageError } from "../command/usage_error.ts";
import { folderStore, type OutputStore } from "./output_store.ts";

/**
 * Opens a folder, or a prefix in a bucket.
 *
 * @throws {UsageError} for URLs of other kinds.
 */
export async function openStore(output: string): Promise<OutputStore> {
  const [, protocol] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(output) ?? [];
  if (protocol === undefined) return await folderStore(output);
  throw new UsageError(`Cannot write ${output}: expected a folder`);
}
