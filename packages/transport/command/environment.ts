/**
 * Variables of the environment, which are optional: one that the process may not read is not set.
 *
 * @module
 */
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
