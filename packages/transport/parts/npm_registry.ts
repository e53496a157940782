/**
 * The registry that packages come from, as npm itself finds it: the environment, else the user's
 * `.npmrc`, with its token.
 *
 * @module
 */
import { join } from "node:path";
import { type Environment, environment, homeFolder } from "../command/environment.ts";
import { variable } from "../fetch/cache_folder.ts";

/** Where packages are asked for. */
export interface NpmRegistry {
  /** Its URL without a slash at the end. */
  readonly url: string;
  /** What it must be told with each request. */
  readonly headers?: { readonly authorization: string };
}

const DEFAULT = "https://registry.npmjs.org";

/** Keys and values of the user's `.npmrc`; none where it cannot be read. */
function userSettings(env: Environment): Map<string, string> {
  const named = variable(env, "NPM_CONFIG_USERCONFIG", "npm_config_userconfig");
  let text: string;
  try {
    text = Deno.readTextFileSync(named ?? join(homeFolder(env), ".npmrc"));
  } catch {
    return new Map();
  }
  const lines = text.split(/\r?\n/).filter((line) => !/^\s*[#;]/.test(line) && line.includes("="));
  return new Map(lines.map((line) => {
    const [key, value] = [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)];
    const plain = value.trim().replace(/^"(.*)"$/, "$1");
    return [key.trim(), plain.replace(/\$\{(\w+)\}/g, (_, name: string) => env.get(name) ?? "")];
  }));
}

/** The registry: `NPM_CONFIG_REGISTRY`, else `registry` of the user's `.npmrc`, else npm's. */
export function npmRegistry(env: Environment = environment): NpmRegistry {
  const settings = userSettings(env);
  const named = variable(env, "NPM_CONFIG_REGISTRY", "npm_config_registry");
  const url = (named ?? settings.get("registry") ?? DEFAULT).replace(/\/+$/, "");
  const token = settings.get(`${url.replace(/^\w+:/, "")}/:_authToken`);
  return token ? { url, headers: { authorization: `Bearer ${token}` } } : { url };
}
