/**
 * As much of the protobuf wire format as a model file takes: varints, 32-bit floats and
 * length-delimited fields, written into a growing list of byte blocks.
 *
 * @module
 */

/** One protobuf message under construction; fields come out in the order they were added. */
export class Message {
  readonly #blocks: Uint8Array[] = [];
  #length = 0;

  #push(block: Uint8Array): void {
    this.#blocks.push(block);
    this.#length += block.length;
  }

  #varint(value: bigint): void {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, value);
    do {
      const more = rest > 0x7fn;
      bytes.push(Number(rest & 0x7fn) | (more ? 0x80 : 0));
      rest >>= 7n;
    } while (rest > 0n);
    this.#push(Uint8Array.from(bytes));
  }

  #tag(field: number, wire: number): void {
    this.#varint(BigInt(field * 8 + wire));
  }

  /** Adds a whole number; negative ones take ten bytes, as int64 fields have them. */
  int(field: number, value: number | bigint): this {
    this.#tag(field, 0);
    this.#varint(BigInt(value));
    return this;
  }

  /** Adds a 32-bit float. */
  float(field: number, value: number): this {
    this.#tag(field, 5);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.#push(bytes);
    return this;
  }

  /** Adds bytes; they are not copied until {@linkcode finish}. */
  bytes(field: number, value: Uint8Array): this {
    this.#tag(field, 2);
    this.#varint(BigInt(value.length));
    this.#push(value);
    return this;
  }

  /** Adds text as UTF-8. */
  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  /** Adds a message as a field. */
  message(field: number, value: Message): this {
    this.#tag(field, 2);
    this.#varint(BigInt(value.#length));
    for (const block of value.#blocks) this.#push(block);
    return this;
  }

  /** All bytes of the message. */
  finish(): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const block of this.#blocks) {
      out.set(block, at);
      at += block.length;
    }
    return out;
  }
}
