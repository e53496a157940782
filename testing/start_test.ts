import assert from "node:assert/strict";
import { join } from "node:path";
import { PACKAGES, ROOT } from "./house.ts";

/** What `deno info --json` says of a module. */
interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly { code?: { specifier?: string }; isDynamic?: boolean }[];
}

/** All that a program loads before it has read its command line: what its main module loads by itself counts. */
async function loadedAtStart(main: string): Promise<string[]> {
  const args = ["info", "--json", main];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "null" }).output();
  const { roots, modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    roots: string[];
    modules: Module[];
  };
  const known = new Map(modules.map((module) => [module.specifier, module]));
  const loaded = new Set<string>(roots);
  for (const specifier of loaded) {
    for (const { code, isDynamic } of known.get(specifier)?.dependencies ?? []) {
      if (code?.specifier && (!isDynamic || roots.includes(specifier))) loaded.add(code.specifier);
    }
  }
  return [...loaded];
}

for (const name of PACKAGES) {
  Deno.test(`what ${name} loads before its command line has none of Node's heavy modules`, async () => {
    const loaded = await loadedAtStart(join(ROOT, "packages", name, "mod.ts"));
    assert.ok(loaded.length > 10, loaded.join());
    const heavy = loaded.filter((specifier) => /^(node|npm):/.test(specifier));
    assert.deepEqual(heavy.filter((name) => !/^node:(path|path\/posix|util)$/.test(name)), []);
  });
}
