/**
 * What a deliberate fault is; the tables beside this file hold a dozen for each package.
 *
 * @module
 */

/** A fault that some test must notice. */
export interface Fault {
  /** Name of the source file without its folder; where several have it, the text finds it. */
  readonly file: string;
  /** Text that stands exactly once in the files of that name; runs of white space match any white space. */
  readonly find: string;
  /** What takes its place. */
  readonly put: string;
  /** What goes wrong by it. */
  readonly means: string;
  /** Names of the test files that must notice, without folders. */
  readonly tests: readonly string[];
}
