/**
 * The table of a command in its package's README, which comes from the command's own tables.
 * `UPDATE_README=1 deno task test packages/<name>` writes it.
 *
 * @module
 */
import { type Command, readmeTable } from "@vcs/transport/internal";
import assert from "node:assert/strict";

/** What stands between `<!-- command:NAME -->` and `<!-- /command -->`. */
function replaceTable(text: string, command: Command): string {
  const start = `<!-- command:${command.name} -->`;
  const [before, after] = text.split(start);
  const end = after?.indexOf("<!-- /command -->") ?? -1;
  if (before === undefined || after === undefined || end < 0) {
    throw new Error(`The README has no place for the command: it needs ${start}`);
  }
  return `${before}${start}\n\n${readmeTable(command)}\n\n${after.slice(end)}`;
}

/** Fails where the README's table is not that of the command. */
export async function checkReadme(readme: URL, command: Command): Promise<void> {
  const text = await Deno.readTextFile(readme);
  const wanted = replaceTable(text, command);
  if (Deno.env.get("UPDATE_README") === "1") await Deno.writeTextFile(readme, wanted);
  else assert.equal(text, wanted);
}
