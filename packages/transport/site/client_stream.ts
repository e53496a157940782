/**
 * What a client sends over a WebSocket (RFC 6455), as it comes: binary messages of any length and in
 * any fragments are pieces of one stream, so none of them is held.
 *
 * @module
 */
import { CLOSE, FrameError, OPCODE } from "./frames.ts";

/** Some bytes of binary messages, or all of a control frame. */
export interface ClientPiece {
  readonly opcode: number;
  /** Unmasked. */
  readonly payload: Uint8Array;
}

interface Frame {
  readonly opcode: number;
  readonly mask: Uint8Array;
  /** Bytes of the payload that came, and that will come. */
  came: number;
  left: number;
}

const MASKED = 0x80;
const FINAL = 0x80;
/** Frames from this kind on are about the connection. */
const CONTROL = 8;
const LARGEST_CONTROL = 125;

/** Frames of one client. */
export class ClientStream {
  /** The beginning of a head that has not come whole. */
  #head: Uint8Array = new Uint8Array(0);
  #frame: Frame | undefined;
  #control: number[] = [];

  /**
   * What bytes of the client say.
   *
   * @throws {FrameError} where they break the rules, or are text.
   */
  *take(bytes: Uint8Array): Generator<ClientPiece, void, void> {
    let rest = bytes;
    for (;;) {
      if (!this.#frame) rest = this.#takeHead(rest);
      const frame = this.#frame;
      if (!frame || (rest.length === 0 && frame.left > 0)) return;
      const payload = unmasked(rest.subarray(0, frame.left), frame);
      rest = rest.subarray(payload.length);
      frame.came += payload.length;
      frame.left -= payload.length;
      if (frame.left === 0) this.#frame = undefined;
      if (frame.opcode < CONTROL) yield { opcode: OPCODE.binary, payload };
      else {
        this.#control.push(...payload);
        if (frame.left > 0) continue;
        yield { opcode: frame.opcode, payload: Uint8Array.from(this.#control) };
        this.#control = [];
      }
    }
  }

  /** Takes a frame's head off the front, where it is all there; gives what follows. */
  #takeHead(bytes: Uint8Array): Uint8Array {
    const head = new Uint8Array(this.#head.length + bytes.length);
    head.set(this.#head);
    head.set(bytes, this.#head.length);
    const short = (head[1] ?? 0) & ~MASKED;
    const wide = short === 127 ? 8 : short === 126 ? 2 : 0;
    const size = 2 + wide + 4;
    this.#head = head;
    if (head.length < size) return new Uint8Array(0);
    this.#head = new Uint8Array(0);
    const [first = 0, second = 0] = head;
    if ((second & MASKED) === 0) throw new FrameError(CLOSE.protocol, "a frame is not masked");
    const left = wide === 0 ? short : lengthAt(head, wide);
    const opcode = first & 0xf;
    checkKind(opcode, (first & FINAL) !== 0, left);
    this.#frame = { opcode, mask: head.slice(2 + wide, size), came: 0, left };
    return head.subarray(size);
  }
}

function lengthAt(head: Uint8Array, bytes: number): number {
  const view = new DataView(head.buffer);
  const length = bytes === 2 ? view.getUint16(2) : Number(view.getBigUint64(2));
  if (Number.isSafeInteger(length)) return length;
  throw new FrameError(CLOSE.tooLarge, "a frame is too long");
}

function checkKind(opcode: number, isFinal: boolean, length: number): void {
  if (opcode === OPCODE.text) throw new FrameError(CLOSE.unsupported, "a message is text");
  if (opcode < CONTROL || (isFinal && length <= LARGEST_CONTROL)) return;
  throw new FrameError(CLOSE.protocol, "a control frame is in fragments, or too long");
}

function unmasked(bytes: Uint8Array, { mask, came }: Frame): Uint8Array {
  const payload = bytes.slice();
  for (let i = 0; i < payload.length; i++) payload[i]! ^= mask[came + i & 3]!;
  return payload;
}
