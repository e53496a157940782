/**
 * For tests that start commands with an empty cache: the parts of the real one, so that they are not
 * fetched for each.
 *
 * @module
 */
import { cacheDirectory } from "@vcs/transport/internal";

/** Environment variables that name the parts that are here. */
export const PARTS_HERE: Readonly<Record<string, string>> = { VCS_PARTS: cacheDirectory() };
