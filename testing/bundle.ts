/**
 * Bundles for browsers, made by `deno bundle`, which fetches esbuild from npm once.
 *
 * @module
 */
import { ROOT } from "./house.ts";

async function runBundler(args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "browser", ...args],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

async function canBundle(): Promise<boolean> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/empty.js`, "");
    return await runBundler([`${folder}/empty.js`]).then(() => true, () => false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Whether the bundler is in the cache or can be fetched. */
export const hasBundler: boolean = await canBundle();

/** How modules are bundled. */
export interface BundleOptions {
  /** Whether the bundle is made small. Default: false. */
  readonly minify?: boolean;
  /** Specifiers that stay imports, of what is never loaded in a browser. Default: none. */
  readonly external?: readonly string[];
}

/**
 * Bundles modules into a folder: a file for each, and what they share or load late beside them.
 *
 * @param modules paths in the repository
 * @throws {Error} where a module cannot be bundled, or the bundler cannot be had
 */
export async function bundle(
  modules: readonly string[],
  folder: string,
  { minify = false, external = [] }: BundleOptions = {},
): Promise<void> {
  const externals = external.map((specifier) => `--external=${specifier}`);
  const flags = ["--code-splitting", "--outdir", folder, ...(minify ? ["--minify"] : [])];
  await runBundler([...flags, ...externals, ...modules]);
}
