/**
 * The sessions of a network whose graph is built for one size of input.
 *
 * @module
 */
import type { Session } from "@vcs/onnx/session";
import type { ClipSize } from "./network.ts";

/**
 * Sizes whose sessions are kept: a session of large frames takes gigabytes, and a stream has one
 * size, with `--tail exact` another one for its last window.
 */
const KEPT = 2;

/**
 * One session for each size, opened when it is first needed. Those of the sizes that were used last
 * are kept; one that is let go ends after its runs.
 */
export class SizedSessions implements Disposable {
  readonly #sessions = new Map<string, Promise<Session>>();
  readonly #open: (size: ClipSize) => Promise<Session>;
  #closed = false;

  /** Opens nothing yet. */
  constructor(open: (size: ClipSize) => Promise<Session>) {
    this.#open = open;
  }

  /**
   * The session for a size.
   *
   * @throws {TypeError} if the sessions are closed.
   * @throws what opening it throws; the next call tries again.
   */
  get(size: ClipSize): Promise<Session> {
    if (this.#closed) throw new TypeError("Cannot run a network: found it closed");
    const key = `${size.frames}x${size.height}x${size.width}`;
    const session = this.#sessions.get(key) ?? this.#opened(key, size);
    this.#sessions.delete(key);
    this.#sessions.set(key, session);
    return session;
  }

  /** Opens a session, after the one that was not used for longest is let go. */
  #opened(key: string, size: ClipSize): Promise<Session> {
    const [oldest] = this.#sessions;
    if (oldest && this.#sessions.size >= KEPT) {
      this.#sessions.delete(oldest[0]);
      close(oldest[1]);
    }
    const session = this.#open(size);
    session.catch(() => this.#sessions.delete(key));
    return session;
  }

  /** Closes all sessions. */
  [Symbol.dispose](): void {
    this.#closed = true;
    for (const session of this.#sessions.values()) close(session);
  }
}

function close(session: Promise<Session>): void {
  session.then((opened) => opened.close(), () => {}); // one that could not be opened has nothing to close
}
