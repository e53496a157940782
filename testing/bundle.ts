/**
 * Bundles for browsers, made by `deno bundle`, which fetches esbuild from npm once.
 *
 * @module
 */
import { ROOT } from "./house.ts";

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
  const flags = ["--quiet", "--platform", "browser", "--code-splitting", "--outdir", folder];
  const externals = external.map((specifier) => `--external=${specifier}`);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", ...flags, ...(minify ? ["--minify"] : []), ...externals, ...modules],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
