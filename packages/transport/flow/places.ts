/**
 * Places at a listener: for those who have just connected, and, apart from these, for peers.
 *
 * @module
 */

/** What we use of a connection. */
export type Conn = Pick<Deno.Conn, "read" | "write" | "closeWrite" | "close" | "remoteAddr">;

/** Those who connected and are not known yet. */
const MOST_STRANGERS = 64;

/** Who is at a listener. Strangers never keep anybody out: the oldest silent one goes first. */
export class Places {
  readonly #mostPeers: number;
  /** In the order in which they came. */
  readonly #silent = new Set<Conn>();
  readonly #heard = new Set<Conn>();
  readonly #peers = new Set<Conn>();

  constructor(mostPeers: number) {
    this.#mostPeers = mostPeers;
  }

  /** Somebody connected; where there is no place, somebody else is hung up on. */
  come(conn: Conn): void {
    if (this.#silent.size + this.#heard.size >= MOST_STRANGERS) this.#evict();
    this.#silent.add(conn);
  }

  /** A stranger said something. */
  speak(conn: Conn): void {
    if (this.#silent.delete(conn)) this.#heard.add(conn);
  }

  /** A stranger is known to be a peer; false where there is no place for another. */
  admit(conn: Conn): boolean {
    if (this.#peers.has(conn)) return true;
    if (this.#peers.size >= this.#mostPeers) return false;
    this.leave(conn);
    this.#peers.add(conn);
    return true;
  }

  /** Somebody is gone. */
  leave(conn: Conn): void {
    for (const some of [this.#silent, this.#heard, this.#peers]) some.delete(conn);
  }

  #evict(): void {
    const [oldest] = this.#silent.size > 0 ? this.#silent : this.#heard;
    if (!oldest) return;
    this.leave(oldest);
    try {
      oldest.close();
    } catch {
      // Closed meanwhile.
    }
  }
}
