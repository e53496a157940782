/**
 * Passwords in URLs stay out of what is written.
 *
 * @module
 */

/** What stands between the scheme of a URL and its host: a name, a password, or both. */
const LOGIN = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'<>]*@/gi;

/**
 * A text in which all that logs in at a URL is `***`, whatever the scheme.
 *
 * @example
 * ```ts
 * import { hidePasswords } from "@vcs/transport/internal";
 * import assert from "node:assert/strict";
 *
 * assert.equal(hidePasswords("at redis://me:word@host:1/0"), "at redis://***@host:1/0");
 * ```
 */
export function hidePasswords(text: string): string {
  return text.replace(LOGIN, "$1***@");
}
