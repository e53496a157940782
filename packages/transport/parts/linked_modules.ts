/**
 * Lets the ES modules of a part find the other packages of the part: Deno looks for bare names in
 * the import map of the program that runs, and there alone. `require` looks beside them.
 *
 * @module
 */
import { builtin } from "../io/builtin.ts";
import { join } from "node:path";

/** An import of a package: what is imported, and from where. */
const IMPORT = /^import ([^;'"]+?) from (['"])([^.'"][^'"]*)\2(?: with \{[^}]*\})?;/gm;

const REQUIRE = `import { createRequire as partRequire } from "node:module";\n`;

/** Rewrites the modules of a package that is one of ES modules. */
export async function linkModules(folder: string): Promise<void> {
  const described = await Deno.readTextFile(join(folder, "package.json")).catch(() => "{}");
  if (JSON.parse(described).type !== "module") return;
  for await (const path of modulesIn(folder)) {
    const text = await Deno.readTextFile(path);
    const linked = linkedModule(text);
    if (linked !== text) await Deno.writeTextFile(path, linked);
  }
}

/** A module that requires other packages where it imported them. */
export function linkedModule(text: string): string {
  const { isBuiltin } = builtin("node:module");
  const linked = text.replace(IMPORT, (whole, names: string, _, from: string) => {
    if (isBuiltin(from)) return whole;
    const bound = names.replace("* as ", "").replaceAll(" as ", ": ");
    return `const ${bound} = partRequire(import.meta.url)(${JSON.stringify(from)});`;
  });
  return linked === text ? text : REQUIRE + linked;
}

async function* modulesIn(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* modulesIn(path);
    else if (/\.m?js$/.test(name)) yield path;
  }
}
