import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { ArithmeticDecoder, ArithmeticEncoder, type Cdf, quantizeCdf } from "./arithmetic_coder.ts";
import { EcdcError } from "../errors.ts";

function encode(symbols: number[], cdf: Cdf): Uint8Array {
  const encoder = new ArithmeticEncoder();
  for (const symbol of symbols) encoder.push(symbol, cdf);
  return encoder.finish();
}

function decode(bytes: Uint8Array, cdf: Cdf, count: number): number[] {
  const decoder = new ArithmeticDecoder(bytes);
  const symbols = Array.from({ length: count }, () => decoder.pull(cdf));
  assert.equal(decoder.rest.length, 0);
  assert.ok(decoder.paddedWithZeros);
  return symbols;
}

Deno.test("quantizeCdf() matches the reference distributions", () => {
  assert.deepEqual(
    [...quantizeCdf(Float32Array.of(0.5, 0.25, 0.125, 0.125))],
    [8388606, 12582910, 14680063, 16777216],
  );
  assert.deepEqual(
    [...quantizeCdf(Float32Array.of(0.9, 0.05, 0.03, 0.02))],
    [15099489, 15938351, 16441669, 16777215],
  );
  const uniform = quantizeCdf(new Float32Array(1024).fill(1 / 1024));
  assert.ok(uniform.every((value, s) => value === 16383 * (s + 1)));
});

Deno.test("the coder writes and reads the reference streams", () => {
  const uniform = quantizeCdf(new Float32Array(1024).fill(1 / 1024));
  const cases: [Cdf, number[], string][] = [
    [
      quantizeCdf(Float32Array.of(0.5, 0.25, 0.125, 0.125)),
      [0, 1, 2, 3, 0, 0, 1, 3],
      "da69bf0c08",
    ],
    [
      quantizeCdf(Float32Array.of(0.9, 0.05, 0.03, 0.02)),
      [...new Array<number>(40).fill(0), 3, 2, 1, 0],
      "c0131cc01d01",
    ],
    [uniform, [0, 1023, 512, 1, 2, 3], "00fc6f00841056041e05"],
  ];
  for (const [cdf, symbols, hex] of cases) {
    const bytes = encode(symbols, cdf);
    assert.equal(bytes.toHex(), hex);
    assert.deepEqual(decode(bytes, cdf, symbols.length), symbols);
  }
});

Deno.test("random symbols under changing distributions come back, byte for byte consumed", () => {
  const next = random(3);
  const cdfs = Array.from({ length: 20 }, (_, i) => {
    const raw = Float32Array.from({ length: 1024 }, () => next() ** (1 + i));
    const sum = raw.reduce((a, b) => a + b);
    return quantizeCdf(raw.map((p) => p / sum));
  });
  const symbols = Array.from({ length: 2000 }, () => Math.floor(next() * 1024));
  const encoder = new ArithmeticEncoder();
  symbols.forEach((s, i) => encoder.push(s, cdfs[i % 20]!));
  const bytes = encoder.finish();
  const decoder = new ArithmeticDecoder(bytes);
  symbols.forEach((s, i) => assert.equal(decoder.pull(cdfs[i % 20]!), s));
  assert.equal(decoder.rest.length, 0);
});

Deno.test("a distribution that sums to one more than 2^24 is coded all the same", () => {
  const cdf = Float64Array.of(2, 2 ** 24 + 1);
  const symbols = [1, 1, 0, 1, 1, 1, 0];
  assert.deepEqual(decode(encode(symbols, cdf), cdf, symbols.length), symbols);
});

Deno.test("a range that straddles the middle for more than 31 bits is coded all the same", () => {
  const middle = Float64Array.of(8388607, 8388609, 16777216);
  const symbols = [1, 1, 1, 1, 1, 1, 0, 2, 1, 1];
  assert.deepEqual(decode(encode(symbols, middle), middle, symbols.length), symbols);
});

Deno.test("bits that end too soon and values of no symbol are distinguished", () => {
  const cdf = quantizeCdf(Float32Array.of(0.5, 0.25, 0.125, 0.125));
  const codeOf = (bytes: Uint8Array, count: number) => {
    const decoder = new ArithmeticDecoder(bytes);
    try {
      for (let i = 0; i < count; i++) decoder.pull(cdf);
    } catch (error) {
      return error instanceof EcdcError ? error.code : error;
    }
  };
  assert.equal(codeOf(new Uint8Array(3), 100), "truncated");
  const gap = Float64Array.of(4, 8);
  const decoder = new ArithmeticDecoder(new Uint8Array(10).fill(0xff));
  assert.throws(
    () => decoder.pull(gap),
    (error) => error instanceof EcdcError && error.code === "desynchronised",
  );
});
