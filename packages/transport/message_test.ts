import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { mutations, random } from "#testing/fuzz.ts";
import {
  decodeMessage,
  encodeMessage,
  ENVELOPE_SIZE,
  type Message,
  message,
  newStreamId,
  payloadLength,
} from "./message.ts";
import { TransportError } from "./errors.ts";

const golden: Message = {
  streamId: "0123456789abcdef",
  sequence: 258,
  pts: -1.5,
  modelId: "fedcba9876543210",
  key: true,
  end: false,
  afterDrop: true,
  format: "safetensors",
  payload: new Uint8Array([1, 2, 3]),
};

// Written by hand from the table in message.ts; the checksum is zlib's of the bytes shown.
const goldenBytes = [
  "5643534d",
  "01",
  "01",
  "0500",
  "efcdab8967452301",
  "0201000000000000",
  "a01ce9ffffffffff",
  "1032547698badcfe",
  "03000000",
].join("");

Deno.test("message: golden bytes", () => {
  const bytes = encodeMessage(golden);
  assert.equal(bytes.subarray(0, 44).toHex(), goldenBytes);
  assert.equal(bytes.subarray(44, 48).toHex(), "20fb3e76");
  assert.equal(bytes.subarray(48).toHex(), "010203");
  assert.equal(new DataView(bytes.buffer).getUint32(44, true), crcOf(bytes));
  assert.deepEqual(decodeMessage(bytes), golden);
});

Deno.test("message: zlib in Python agrees about the committed bytes", () => {
  // python3 -c "import zlib; print(zlib.crc32(bytes.fromhex('<44 bytes><payload>')))"
  assert.equal(crcOf(encodeMessage(golden)), 0x763efb20);
});

Deno.test("message: fields survive for many values", () => {
  const next = random(5);
  for (let i = 0; i < 500; i++) {
    const sent = message(new Uint8Array(Math.floor(next() * 100)).fill(i), {
      streamId: newStreamId(),
      modelId: newStreamId(),
      sequence: Math.floor(next() * Number.MAX_SAFE_INTEGER),
      pts: Math.round((next() - 0.5) * 1e12) / 1e6,
      key: next() < 0.5,
      end: next() < 0.5,
      afterDrop: next() < 0.5,
      format: next() < 0.5 ? "bytes" : "safetensors",
    });
    assert.deepEqual(decodeMessage(encodeMessage(sent)), sent);
  }
});

Deno.test("message: an empty payload is a message", () => {
  const sent = message(new Uint8Array(0), { end: true });
  assert.deepEqual(decodeMessage(encodeMessage(sent)), sent);
});

Deno.test("message: the payload is a view that tensors can use", () => {
  const bytes = encodeMessage(message(new Uint8Array(8)));
  const { payload } = decodeMessage(bytes);
  assert.equal(payload.buffer, bytes.buffer);
  assert.equal(payload.byteOffset % 16, 0);
});

Deno.test("message: every single flipped bit is found", () => {
  const good = encodeMessage(golden);
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bad = good.slice();
    bad[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => decodeMessage(bad), TransportError, `bit ${bit}`);
  }
});

Deno.test("message: damaged bytes end with a typed error", () => {
  const good = encodeMessage(golden);
  for (const bytes of mutations(good, 5000)) {
    try {
      assert.deepEqual(encodeMessage(decodeMessage(bytes)), bytes);
    } catch (error) {
      assert.ok(error instanceof TransportError, String(error));
    }
  }
});

Deno.test("message: the cap is checked on the envelope alone", () => {
  const envelope = encodeMessage(golden).slice(0, ENVELOPE_SIZE);
  new DataView(envelope.buffer).setUint32(40, 0xffff_ffff, true);
  assert.throws(() => payloadLength(envelope), hasCode("limit"));
  assert.throws(() => decodeMessage(encodeMessage(golden), 2), hasCode("limit"));
});

Deno.test("message: unknown flags, formats and sequences are refused", () => {
  for (const [at, value] of [[6, 8], [5, 2], [22, 0xff], [4, 2], [0, 0]] as const) {
    const bytes = encodeMessage(golden);
    bytes[at] = value;
    new DataView(bytes.buffer).setUint32(44, crcOf(bytes), true);
    assert.throws(() => decodeMessage(bytes), hasCode("format"), `byte ${at}`);
  }
});

Deno.test("message: times are read that can be written, and no others", () => {
  const written = (microseconds: bigint) => {
    const bytes = encodeMessage(golden);
    const view = new DataView(bytes.buffer);
    view.setBigInt64(24, microseconds, true);
    view.setUint32(44, crcOf(bytes), true);
    return bytes;
  };
  for (const microseconds of [2n ** 52n, -(2n ** 52n), 0n]) {
    const bytes = written(microseconds);
    assert.deepEqual(encodeMessage(decodeMessage(bytes)), bytes, `${microseconds}`);
  }
  for (const microseconds of [2n ** 53n, -(2n ** 53n), -(2n ** 63n), 2n ** 63n - 1n]) {
    assert.throws(() => decodeMessage(written(microseconds)), hasCode("format"));
  }
});

Deno.test("message: fields that no envelope can hold are misuse", () => {
  const empty = new Uint8Array(0);
  assert.throws(() => message(empty, { streamId: "7" }), RangeError);
  assert.throws(() => message(empty, { modelId: "FFFFFFFFFFFFFFFF" }), RangeError);
  assert.throws(() => message(empty, { sequence: -1 }), RangeError);
  assert.throws(() => message(empty, { sequence: 0.5 }), RangeError);
  assert.throws(() => message(empty, { pts: NaN }), RangeError);
  assert.throws(() => message(empty, { pts: 1e12 }), RangeError);
});

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof TransportError && error.code === code;
}

function crcOf(bytes: Uint8Array): number {
  return crc32(bytes.subarray(ENVELOPE_SIZE), crc32(bytes.subarray(0, 44)));
}
