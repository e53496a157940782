/**
 * Variables of the environment, which are optional: one that the process may not read is not set. They,
 * or files that they name, are where secrets come from: every user of a machine can read command lines.
 *
 * @module
 */
import { hidePasswords } from "../io/credentials.ts";
import { UsageError } from "./usage_error.ts";
import { builtin } from "../io/builtin.ts";

/** Environment variables by name; {@linkcode environment} is the process's. */
export interface Environment {
  /** Value of a variable, or undefined where it is not set. */
  get(name: string): string | undefined;
}

/** The variables that this process may read; asks for no permission. */
export const environment: Environment = {
  get(name) {
    const { state } = Deno.permissions.querySync({ name: "env", variable: name });
    return state === "granted" ? Deno.env.get(name) : undefined;
  },
};

/**
 * Folder of this user, as the variable of the system says, else as the system itself.
 *
 * @param os operating system
 * @throws {Deno.errors.NotCapable} where neither may be read.
 */
export function homeFolder(
  env: Environment = environment,
  os: typeof Deno.build.os = Deno.build.os,
): string {
  const named = env.get(os === "windows" ? "USERPROFILE" : "HOME");
  if (named) return named;
  try {
    return builtin("node:os").homedir();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw new Deno.errors.NotCapable(
      "Cannot find the folder of this user: run with --allow-env (or --allow-sys=homedir)",
    );
  }
}

/**
 * A secret from the environment: the value of a variable, or what the file holds that the variable with
 * `_FILE` behind its name names, without the line break at its end.
 *
 * @returns the secret, or undefined where neither variable is set
 * @throws {UsageError} where the file cannot be read, or holds nothing.
 */
export function secretOf(name: string, env: Environment = environment): string | undefined {
  const value = env.get(name);
  const path = env.get(`${name}_FILE`);
  if (value || !path) return value || undefined;
  try {
    const held = Deno.readTextFileSync(path).replace(/\r?\n$/, "");
    if (held !== "") return held;
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`Cannot read ${name}_FILE: ${found}`, { cause });
  }
  throw new UsageError(`Cannot read ${name}_FILE: ${path} is empty, expected a secret`);
}

/** What stands before the @ of a URL, and a value of its query. */
const [LOGIN, VALUE] = [/^([a-z][a-z0-9+.-]*:\/\/)([^\s/?#]*)(?=@)/i, /([?&][^=&#\s]+=)([^&#]*)/g];

/** The name of a variable, alone. */
const NAMED = /^\$([A-Z_][A-Z0-9_]*)$/;

/**
 * A URL in which the name, the password and each value of the query may be the name of a variable:
 * `redis://me:$REDIS_PASSWORD@host`, `https://host/film.mp4?token=$TOKEN`; see {@linkcode secretOf}.
 * A text that is no such URL stays as it is.
 *
 * @throws {UsageError} where the variable is not set, or its file cannot be read.
 */
export function withPassword(url: string, env: Environment = environment): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return url;
  const valueOf = (text: string) => {
    const name = NAMED.exec(text)?.[1];
    if (name === undefined) return text;
    const secret = secretOf(name, env);
    if (secret !== undefined) return encodeURIComponent(secret);
    const shown = hidePasswords(url);
    throw new UsageError(
      `Cannot read the password of ${shown}: neither ${name} nor ${name}_FILE is set`,
    );
  };
  const query = (_: string, before: string, value: string) => before + valueOf(value);
  return url.replace(VALUE, query).replace(LOGIN, (_, scheme: string, login: string) => {
    const [, user = "", password] = /^([^:]*)(?::(.*))?$/s.exec(login)!;
    return scheme + valueOf(user) + (password === undefined ? "" : `:${valueOf(password)}`);
  });
}
