/**
 * What `--quick` asks of a suite: inputs so small that a run of each benchmark takes some 5 to 60 ms,
 * and neither clips of the shared folder nor what measures other programs.
 *
 * @module
 */

/** Whether it was asked for. */
export const isQuick: boolean = Deno.args.includes("--quick");

/** A size, or the one that `--quick` has in its place. */
export function sized(full: number, quick: number): number {
  return isQuick ? quick : full;
}
