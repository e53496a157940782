/**
 * Where what is fetched is kept: our own cache, by the operating system's custom, and a folder of
 * parts that a program brings.
 *
 * @module
 */
import { join } from "node:path";
import { builtin } from "../io/builtin.ts";
import { type Environment, environment, homeFolder } from "../command/environment.ts";

/** First of these environment variables that is set and not empty. */
export function variable(env: Environment, ...names: string[]): string | undefined {
  return names.map((name) => env.get(name)).find((value) => value);
}

/** Folder of this user's caches, by the operating system's custom. */
function userCache(env: Environment): string {
  if (Deno.build.os === "windows") {
    return variable(env, "LOCALAPPDATA") ?? join(homeFolder(env), "AppData", "Local");
  }
  if (Deno.build.os === "darwin") return join(homeFolder(env), "Library", "Caches");
  return variable(env, "XDG_CACHE_HOME") ?? join(homeFolder(env), ".cache");
}

/** Folder where other tools keep caches: `XDG_CACHE_HOME`, else `~/.cache` on every system. */
export function sharedCache(env: Environment): string {
  return variable(env, "XDG_CACHE_HOME") ?? join(homeFolder(env), ".cache");
}

/** Our own cache: `VCS_CACHE`, else `vcs` in the user's cache folder. */
export function cacheDirectory(env: Environment = environment): string {
  return variable(env, "VCS_CACHE") ?? join(userCache(env), "vcs");
}

/**
 * Folder that a program brings along, laid out as our cache and looked into first: `VCS_PARTS`, else
 * `parts` beside the main module of a compiled program, else undefined.
 */
export function broughtDirectory(env: Environment = environment): string | undefined {
  const compiled = Deno.build.standalone ? new URL("./parts", Deno.mainModule) : undefined;
  return variable(env, "VCS_PARTS") ?? (compiled && builtin("node:url").fileURLToPath(compiled));
}

/** Whether an environment variable says yes. */
export function isSet(env: Environment, name: string): boolean {
  return /^(1|true|yes|on)$/i.test(variable(env, name) ?? "");
}
