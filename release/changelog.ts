/**
 * The head of the changelog: what is not released yet, and how it gets a version and a day.
 *
 * @module
 */

const UNRELEASED = "## Unreleased";

/**
 * The changelog with what was unreleased under a version and a day, and a new, empty section.
 *
 * @throws {Error} where nothing is unreleased.
 */
export function datedChangelog(text: string, version: string, date: string): string {
  const at = text.indexOf(`${UNRELEASED}\n`);
  if (at < 0) throw new Error(`Cannot release: CHANGELOG.md has no section "${UNRELEASED}"`);
  const rest = text.slice(at + UNRELEASED.length);
  const [section = ""] = rest.split("\n## ");
  if (section.trim() === "") throw new Error("Cannot release: nothing is under Unreleased");
  return `${text.slice(0, at)}${UNRELEASED}\n\n## ${version} (${date})${rest}`;
}
