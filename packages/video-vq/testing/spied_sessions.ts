/**
 * What the sessions of networks do, while it is looked at.
 *
 * @module
 */
import { Session } from "@vcs/onnx/session";

/** What sessions did since it is looked at. */
export interface SpiedSessions extends Disposable {
  /** Shape of the first input of every run. */
  readonly runs: readonly string[];
  /** Sessions that ran and were not closed. */
  readonly held: ReadonlySet<Session>;
}

/** Looks at all sessions until it is disposed of. */
export function spiedSessions(): SpiedSessions {
  const runs: string[] = [];
  const held = new Set<Session>();
  const { run, close } = Session.prototype;
  Session.prototype.run = function (feeds, options) {
    runs.push(Object.values(feeds)[0]!.shape.join("x"));
    held.add(this);
    return run.call(this, feeds, options);
  };
  Session.prototype.close = function () {
    held.delete(this);
    close.call(this);
  };
  return {
    runs,
    held,
    [Symbol.dispose]: () => void Object.assign(Session.prototype, { run, close }),
  };
}
