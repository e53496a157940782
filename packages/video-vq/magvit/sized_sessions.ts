/**
 * The sessions of a network whose graph is built for one size of input.
 *
 * @module
 */
import type { Session } from "@vcs/onnx/session";
import type { ClipSize } from "./network.ts";

/** One session for each size, opened when it is first needed. */
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
    let session = this.#sessions.get(key);
    if (!session) {
      session = this.#open(size);
      this.#sessions.set(key, session);
      session.catch(() => this.#sessions.delete(key));
    }
    return session;
  }

  /** Closes all sessions. */
  [Symbol.dispose](): void {
    this.#closed = true;
    for (const session of this.#sessions.values()) {
      session.then((opened) => opened.close(), () => {});
    }
  }
}
