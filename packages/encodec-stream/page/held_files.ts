/**
 * Files that pages have opened. Listeners who open the same one share it, so that fifty of them are
 * no more than one; only the bytes that pages sent take room.
 *
 * @module
 */

/** Bytes of files that pages sent, all together, and most files of any kind. */
const LIMITS = { bytes: 512 * 1024 * 1024, files: 1000 };

interface Held {
  readonly key: string;
  readonly source: string | Uint8Array;
}

/** Files by id; those that were used longest ago go first. */
export class HeldFiles {
  readonly #limits: typeof LIMITS;
  readonly #held = new Map<string, Held>();
  #bytes = 0;

  /** Starts empty. */
  constructor(limits: typeof LIMITS = LIMITS) {
    this.#limits = limits;
  }

  /** Adds a file, or finds that it is there. */
  async add(source: string | Uint8Array<ArrayBuffer>): Promise<string> {
    const key = typeof source === "string"
      ? source
      : new Uint8Array(await crypto.subtle.digest("SHA-256", source)).toHex();
    const known = this.#held.entries().find(([, held]) => held.key === key)?.[0];
    if (known !== undefined) {
      this.get(known);
      return known;
    }
    const id = crypto.randomUUID();
    this.#held.set(id, { key, source });
    this.#bytes += sizeOf(source);
    this.#trim();
    return id;
  }

  /** The file of an id. */
  get(id: string): string | Uint8Array | undefined {
    const held = this.#held.get(id);
    if (held === undefined) return undefined;
    this.#held.delete(id);
    this.#held.set(id, held);
    return held.source;
  }

  #trim(): void {
    for (const [id, { source }] of this.#held) {
      if (this.#held.size <= this.#limits.files && this.#bytes <= this.#limits.bytes) return;
      this.#held.delete(id);
      this.#bytes -= sizeOf(source);
    }
  }
}

function sizeOf(source: string | Uint8Array): number {
  return typeof source === "string" ? 0 : source.length;
}
