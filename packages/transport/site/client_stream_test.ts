import assert from "node:assert/strict";
import { ClientStream } from "./client_stream.ts";
import { CLOSE, FrameError, OPCODE } from "./frames.ts";

/** A frame as a client makes it. */
function frame(opcode: number, payload: Uint8Array, { final = true, wide = 0 } = {}): Uint8Array {
  const short = wide === 8 ? 127 : wide === 2 ? 126 : payload.length;
  const length = Array.from({ length: wide }, (_, i) => {
    return Number(BigInt(payload.length) >> BigInt(8 * (wide - 1 - i)) & 255n);
  });
  const mask = [1, 20, 255, 7];
  return Uint8Array.from([
    ...[(final ? 0x80 : 0) | opcode, 0x80 | short, ...length, ...mask],
    ...payload.map((byte, i) => byte ^ mask[i % 4]!),
  ]);
}

/** What comes of bytes that come in pieces: binary bytes, and control frames by their kind. */
function taken(bytes: Uint8Array, step: number) {
  const stream = new ClientStream();
  const data: number[] = [];
  const control: [number, number[]][] = [];
  for (let at = 0; at < bytes.length; at += step) {
    for (const { opcode, payload } of stream.take(bytes.subarray(at, at + step))) {
      if (opcode === OPCODE.binary) data.push(...payload);
      else control.push([opcode, [...payload]]);
    }
  }
  return { data, control };
}

const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => i * 7);

Deno.test("client stream: messages of all lengths and in fragments are one stream", () => {
  const whole = Uint8Array.from([
    ...frame(OPCODE.binary, bytes(0)),
    ...frame(OPCODE.binary, bytes(125)),
    ...frame(OPCODE.binary, bytes(300), { wide: 2 }),
    ...frame(OPCODE.binary, bytes(3), { final: false }),
    ...frame(OPCODE.ping, bytes(9)),
    ...frame(0, bytes(70), { wide: 8 }),
    ...frame(OPCODE.close, bytes(0)),
  ]);
  const data = [125, 300, 3, 70].flatMap((length) => [...bytes(length)]);
  const control = [[OPCODE.ping, [...bytes(9)]], [OPCODE.close, []]];
  for (const step of [1, 2, 3, 7, 100, 10_000]) {
    assert.deepEqual(taken(whole, step), { data, control });
  }
});

Deno.test("client stream: what breaks the rules has its close code", () => {
  const wrong: [Uint8Array, number][] = [
    [Uint8Array.of(0x82, 1, 0, 0, 0, 0, 0), CLOSE.protocol],
    [frame(OPCODE.text, bytes(2)), CLOSE.unsupported],
    [frame(OPCODE.ping, bytes(126), { wide: 2 }), CLOSE.protocol],
    [frame(OPCODE.ping, bytes(1), { final: false }), CLOSE.protocol],
    [Uint8Array.of(0x82, 0xff, 255, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4), CLOSE.tooLarge],
  ];
  for (const [frame, code] of wrong) {
    assert.throws(
      () => taken(frame, 100),
      (error) => error instanceof FrameError && error.code === code,
    );
  }
});
