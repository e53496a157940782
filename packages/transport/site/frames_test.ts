import assert from "node:assert/strict";
import { acceptKey, closeFrame, decodeFrame, encodeFrame, OPCODE } from "./frames.ts";

/** A frame as a client sends it. */
function masked(first: number, payload: string, length = payload.length): Uint8Array {
  const mask = [1, 2, 3, 4];
  const body = new TextEncoder().encode(payload).map((byte, i) => byte ^ mask[i % 4]!);
  return Uint8Array.of(first, 0x80 | length, ...mask, ...body);
}

Deno.test("the accept key is RFC 6455's", () => {
  assert.equal(acceptKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});

Deno.test("frames have the shortest length that fits", () => {
  const headOf = (length: number) => [
    ...encodeFrame(OPCODE.binary, new Uint8Array(length)).subarray(0, 10),
  ];
  assert.deepEqual(headOf(125).slice(0, 2), [0x82, 125]);
  assert.deepEqual(headOf(126).slice(0, 4), [0x82, 126, 0, 126]);
  assert.deepEqual(headOf(65535).slice(0, 4), [0x82, 126, 255, 255]);
  assert.deepEqual(headOf(65536), [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
  assert.deepEqual([...closeFrame(1001)], [0x88, 2, 0x03, 0xe9]);
});

Deno.test("a client's frame is unmasked once it is whole", () => {
  const frame = masked(0x81, "quit");
  for (let end = 0; end < frame.length; end++) {
    assert.equal(decodeFrame(frame.subarray(0, end)), undefined);
  }
  const { opcode, payload, size } = decodeFrame(Uint8Array.of(...frame, 9))!;
  assert.deepEqual([opcode, size], [OPCODE.text, frame.length]);
  assert.equal(new TextDecoder().decode(payload), "quit");
});

Deno.test("frames that are long, in fragments or not masked are refused with their code", () => {
  for (
    const [bytes, code] of [
      [masked(0x81, "", 126), 1009],
      [masked(0x81, "", 127), 1009],
      [masked(0x01, "a"), 1003],
      [Uint8Array.of(0x81, 1, 97), 1002],
    ] as const
  ) assert.throws(() => decodeFrame(bytes), { name: "FrameError", code });
});
