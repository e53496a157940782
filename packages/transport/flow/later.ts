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

/** Calls a function after what is ready now; a browser takes four milliseconds where it is busy. */
export const later: (act: () => void) => void =
  (globalThis as NodeLike).process?.getBuiltinModule?.("node:timers").setImmediate ??
    ((act) => void setTimeout(act, 0));
