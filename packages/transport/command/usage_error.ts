/**
 * The error of wrong usage, which ends a command with exit code 2.
 *
 * @module
 */

/** Wrong usage of a command: ends it with exit code 2 and a hint at `--help`. */
export class UsageError extends Error {
  /** Name of the class. */
  override name = "UsageError";
  /** The command or subcommand whose `--help` is pointed at. Default: the whole command. */
  command?: string;
}
