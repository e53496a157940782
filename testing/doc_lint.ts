/**
 * Runs `deno doc --lint` on every entry point that a package exports.
 *
 * @module
 */
const packages = new URL("../packages/", import.meta.url);
const entries: string[] = [];
for (const entry of Deno.readDirSync(packages)) {
  const config = JSON.parse(
    Deno.readTextFileSync(new URL(`${entry.name}/deno.json`, packages)),
  ) as { exports: Record<string, string> };
  for (const file of Object.values(config.exports)) {
    entries.push(new URL(`${entry.name}/${file}`, packages).href);
  }
}
const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["doc", "--lint", ...entries.sort()],
  stdout: "null",
  stderr: "inherit",
}).output();
Deno.exit(code);
