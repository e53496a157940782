/**
 * Runs entries in Node, Bun or Deno and prints what they report as JSON.
 *
 * Usage: process.mjs FOLDER_OF_BUNDLES REPOSITORY NAME…
 */
import { readFile } from "node:fs/promises";
import process from "node:process";
import { pathToFileURL } from "node:url";

const [bundles, repository, ...names] = process.argv.slice(2);
const read = async (path) => new Uint8Array(await readFile(`${repository}/${path}`));
const reports = {};
for (const name of names) {
  try {
    const { default: run } = await import(pathToFileURL(`${bundles}/${name}.js`).href);
    reports[name] = await run(read);
  } catch (error) {
    reports[name] = { error: String(error?.stack ?? error) };
  }
}
process.stdout.write(JSON.stringify(reports));
