import { tensor } from "@vcs/transport/tensor";
import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import {
  packedSize,
  tokensFromIndices,
  tokensFromLatent,
  tokensFromPacked,
  tokensFromQuant,
  tokensToIndices,
  tokensToQuant,
} from "./tokens.ts";

const FULL = { channels: 18, frames: 5, height: 16, width: 16 };

/** A latent of random values, none of them zero. */
function latent(shape: readonly number[], seed = 1) {
  const next = random(seed);
  const size = shape.reduce((a, b) => a * b);
  return tensor("F32", shape, Float32Array.from({ length: size }, () => next() * 4 - 2 || 1));
}

Deno.test("tokens: a full window is 2,880 bytes, quant 92,160, indices 5,120 and 10,240", () => {
  const tokens = tokensFromLatent(latent([1, 18, 5, 16, 16]));
  assert.equal(packedSize(FULL), 2880);
  assert.equal(tokens.packed.byteLength, 2880);
  assert.equal(tokensToQuant(tokens).data.byteLength, 92_160);
  assert.equal(tokensToIndices(tokens, "I32").data.byteLength, 5120);
  assert.equal(tokensToIndices(tokens, "I64").data.byteLength, 10_240);
});

Deno.test("tokens: zero and NaN are -1, as everything that is not above zero", () => {
  const h = tensor("F32", [1, 2, 1, 1, 3], new Float32Array([0, -0, NaN, 1e-45, -1e-45, Infinity]));
  assert.deepEqual([...tokensToQuant(tokensFromLatent(h)).data], [-1, -1, -1, 1, -1, 1]);
});

Deno.test("tokens: quant, indices and packed bits lead to the same tokens, at odd sizes too", () => {
  for (const shape of [[1, 18, 5, 16, 16], [1, 18, 1, 3, 5], [1, 5, 2, 1, 1], [1, 30, 1, 1, 2]]) {
    const tokens = tokensFromLatent(latent(shape));
    assert.deepEqual(tokensFromQuant(tokensToQuant(tokens)), tokens);
    assert.deepEqual(tokensFromIndices(tokensToIndices(tokens, "I32"), tokens.shape), tokens);
    assert.deepEqual(tokensFromIndices(tokensToIndices(tokens, "I64"), tokens.shape), tokens);
    assert.deepEqual(tokensFromPacked(tokens.packed, tokens.shape), tokens);
  }
});

Deno.test("tokens: the lowest bit of an index is channel 0", () => {
  const shape = { channels: 18, frames: 1, height: 1, width: 2 };
  const indices = tensor("I32", [2], new Int32Array([1, 1 << 17]));
  const quant = tokensToQuant(tokensFromIndices(indices, shape));
  const channels = Array.from({ length: 18 }, (_, c) => [...quant.data.subarray(2 * c, 2 * c + 2)]);
  assert.deepEqual(channels[0], [1, -1]);
  assert.deepEqual(channels[17], [-1, 1]);
  assert(channels.slice(1, 17).flat().every((value) => value === -1));
});

Deno.test("tokens: what cannot be tokens is refused", () => {
  const shape = { channels: 3, frames: 1, height: 1, width: 3 };
  assert.throws(() => tokensFromPacked(new Uint8Array(3), shape), RangeError);
  assert.throws(() => tokensFromPacked(new Uint8Array([0, 2]), shape), RangeError);
  assert.throws(() => tokensFromQuant(tensor("F32", [1, 1, 1, 1, 1], new Float32Array([0.5]))));
  assert.throws(() => tokensFromIndices(tensor("I32", [2]), shape), RangeError);
  assert.throws(() => tokensFromIndices(tensor("I32", [3], new Int32Array([0, 8, 0])), shape));
  assert.throws(() => tokensFromIndices(tensor("I32", [3], new Int32Array([0, -1, 0])), shape));
  assert.throws(() => tokensFromLatent(tensor("F32", [2, 1, 1, 1, 1])), RangeError);
  assert.throws(() => tokensFromLatent(tensor("F32", [1, 31, 1, 1, 1])), RangeError);
});
