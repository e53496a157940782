/**
 * Writes the API reference of all packages as HTML into `docs/`: `deno task docs`.
 *
 * @module
 */
import { entryPoints, ROOT } from "#testing/house.ts";
import { join } from "node:path";

const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["doc", "--html", "--name=@vcs", `--output=${join(ROOT, "docs")}`, ...await entryPoints()],
  stdout: "inherit",
  stderr: "inherit",
}).output();
Deno.exit(code);
