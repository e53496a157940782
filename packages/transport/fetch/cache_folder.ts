/**
 * Where what is fetched is kept: our own cache, by the operating system's custom, and a folder of
 * parts that a program brings.
 *
 * @module
 */
import { homedir } from "node:os";
import { join } from "node:path";

/** Environment variables by name; `Deno.env` is one. */
export interface Environment {
  /** Value of a variable, or undefined where it is not set. */
  get(name: string): string | undefined;
}

/** First of these environment variables that is set and not empty. */
export function variable(env: Environment, ...names: string[]): string | undefined {
  return names.map((name) => env.get(name)).find((value) => value);
}

/** Folder of this user's caches, by the operating system's custom. */
function userCache(env: Environment): string {
  if (Deno.build.os === "windows") {
    return variable(env, "LOCALAPPDATA") ?? join(homedir(), "AppData", "Local");
  }
  if (Deno.build.os === "darwin") return join(homedir(), "Library", "Caches");
  return variable(env, "XDG_CACHE_HOME") ?? join(homedir(), ".cache");
}

/** Folder where other tools keep caches: `XDG_CACHE_HOME`, else `~/.cache` on every system. */
export function sharedCache(env: Environment): string {
  return variable(env, "XDG_CACHE_HOME") ?? join(homedir(), ".cache");
}

/** Our own cache: `VCS_CACHE`, else `vcs` in the user's cache folder. */
export function cacheDirectory(env: Environment = Deno.env): string {
  return variable(env, "VCS_CACHE") ?? join(userCache(env), "vcs");
}

/**
 * Folder that a program brings along, laid out as our cache and looked into first: `VCS_PARTS`, or
 * undefined where there is none.
 */
export function broughtDirectory(env: Environment = Deno.env): string | undefined {
  return variable(env, "VCS_PARTS");
}

/** Whether an environment variable says yes. */
export function isSet(env: Environment, name: string): boolean {
  return /^(1|true|yes|on)$/i.test(variable(env, name) ?? "");
}
