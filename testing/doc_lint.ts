/**
 * Runs `deno doc --lint` on every entry point that a package exports.
 *
 * @module
 */
import { entryPoints } from "./house.ts";

const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["doc", "--lint", ...await entryPoints()],
  stdout: "null",
  stderr: "inherit",
}).output();
Deno.exit(code);
