/**
 * Installs KServe's own server into a Python of its own, and tests `--device kserve://` with it.
 *
 * @module
 */
import { environment, sharedCache } from "@vcs/transport/internal";
import { join } from "node:path";

async function run(program: string, args: readonly string[], env = {}): Promise<void> {
  const { code } = await new Deno.Command(program, { args: [...args], env }).spawn().status;
  if (code !== 0) Deno.exit(code);
}

const folder = join(sharedCache(environment), "vcs-kserve");
const python = join(folder, "bin", "python");
const here = (name: string): string => join(import.meta.dirname!, name);
await run("python3", ["-m", "venv", folder]);
await run(python, ["-m", "pip", "install", "--quiet", "-r", here("requirements.txt")]);
await run(Deno.execPath(), ["test", "-A", "--frozen", here("kserve_test.ts")], {
  VCS_PYTHON: python,
});
