/**
 * Finds a Python that has some modules, for tests against other implementations: the one that
 * `VCS_PYTHON` names, `python3` on PATH, the system's, or a virtual environment in `vcs-peers` of the
 * cache or below `/opt`.
 *
 * @module
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { environment, sharedCache } from "@vcs/transport/internal";
import { findProgram } from "./shared.ts";

function candidates(): string[] {
  const environments = existsSync("/opt") ? readdirSync("/opt") : [];
  return [
    Deno.env.get("VCS_PYTHON"),
    findProgram("python3"),
    "/usr/bin/python3",
    join(sharedCache(environment), "vcs-peers", "bin", "python"),
    ...environments.map((name) => `/opt/${name}/bin/python`),
  ].filter((path) => path !== undefined && existsSync(path)) as string[];
}

/** Path of a Python with the modules, or undefined. */
export function findPython(...modules: string[]): string | undefined {
  const found = modules.map((name) => `importlib.util.find_spec("${name}")`).join(" and ");
  const code = `import importlib.util, sys; sys.exit(0 if ${found} else 1)`;
  return candidates().find((path) =>
    new Deno.Command(path, { args: ["-c", code], stderr: "null" }).outputSync().success
  );
}
