/**
 * Doing something once the event loop is idle.
 *
 * @module
 */

/** What runtimes on servers have. */
interface NodeLike {
  readonly process?: {
    getBuiltinModule?(name: "node:timers"): { setImmediate(act: () => void): unknown };
  };
}

type Schedule = (act: () => void) => unknown;

let schedule: Schedule | undefined;

/** Calls a function after what is ready now; a browser takes four milliseconds where it is busy. */
export function later(act: () => void): void {
  schedule ??= (globalThis as NodeLike).process?.getBuiltinModule?.("node:timers").setImmediate ??
    ((act) => setTimeout(act, 0));
  schedule(act);
}
