/** Loads and stores of sixteen bytes may pass the end of what they are about. */
const SLACK = 32;

/** Hands out places in a kernel's memory, one after the other. */
export class Layout {
  #end = 0;

  /** The address of so many bytes, a multiple of 16; a vector may reach past their end. */
  place(bytes: number): number {
    const at = this.#end;
    this.#end = (at + bytes + SLACK + 15) & ~15;
    return at;
  }

  /** Bytes that all places take. */
  get size(): number {
    return this.#end;
  }
}
