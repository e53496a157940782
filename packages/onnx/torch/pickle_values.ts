/**
 * What a pickle becomes: plain data and inert stand-ins. Dictionaries are `Map`, lists are arrays,
 * bytes are `Uint8Array`, integers are `number` or, above 2^53, `bigint`; the rest is here.
 *
 * @module
 */

/** A tuple. */
export class PickleTuple {
  /** Makes a tuple of its items. */
  constructor(readonly items: readonly unknown[]) {}
}

/** The name of a class or function. It is only a name: nothing is looked up or called. */
export class PickleGlobal {
  /** Makes the stand-in for a dotted name. */
  constructor(readonly name: string) {}
}

/** An object of a class that the reader does not know the inside of. */
export class PickleObject {
  /** What BUILD set on the object. */
  readonly attributes: Map<unknown, unknown> = new Map();
  /** What was appended to the object: its class derives from list, set or deque. */
  readonly items: unknown[] = [];
  /** What was set under keys: its class derives from dict. */
  readonly entries: Map<unknown, unknown> = new Map();

  /** Makes the stand-in for an object of a class, made with arguments. */
  constructor(readonly className: string, readonly args: readonly unknown[]) {}
}
