import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { BitPacker, packCodes, unpackCodes } from "./bits.ts";

Deno.test("packCodes() matches the reference bytes", () => {
  assert.equal(packCodes(Uint16Array.of(1, 2, 3, 4)).toHex(), "0108300001");
  assert.equal(packCodes(Uint16Array.of(1023, 0, 1023, 0)).toHex(), "ff03f03f00");
  assert.equal(packCodes(Uint16Array.of(0x155, 0x2aa)).toHex(), "55a90a");
});

Deno.test("packing in pieces gives the bytes of packing at once, and unpacks from any bit", () => {
  const next = random(1);
  const codes = Uint16Array.from({ length: 1001 }, () => Math.floor(next() * 1024));
  const packer = new BitPacker();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < codes.length;) {
    const length = 1 + Math.floor(next() * 7);
    parts.push(packer.push(codes.subarray(at, at + length)));
    at += length;
  }
  parts.push(packer.flush());
  const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
  assert.deepEqual(bytes, packCodes(codes));
  assert.deepEqual(unpackCodes(bytes, codes.length), codes);
  assert.deepEqual(unpackCodes(bytes, 10, 13 * 10), codes.subarray(13, 23));
});

Deno.test("packCodes() refuses codes above 1023", () => {
  assert.throws(() => packCodes(Uint16Array.of(1024)), RangeError);
});
