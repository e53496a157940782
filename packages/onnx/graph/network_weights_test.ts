import assert from "node:assert/strict";
import { tensor } from "@vcs/transport/tensor";
import { OnnxError } from "../errors.ts";
import { NetworkWeights } from "./network_weights.ts";
import { toFloat32 } from "./weights.ts";

const TENSORS = {
  "model.a": tensor("F32", [2], new Float32Array([1, 2])),
  "model.b": tensor("F16", [3]),
  "optimizer.step": tensor("I64", []),
  "extra": tensor("F32", [1]),
};

function source(): NetworkWeights {
  const file = {
    names: Object.keys(TENSORS),
    has: (name: string) => name in TENSORS,
    info: (name: string) => TENSORS[name as keyof typeof TENSORS],
    read: (name: string) => Promise.resolve(TENSORS[name as keyof typeof TENSORS]),
  };
  return new NetworkWeights(file, {
    fileName: (name) => `model.${name}`,
    ignore: (name) => name.startsWith("optimizer."),
  });
}

Deno.test("weights are asked for by the network's names and read late", async () => {
  const weights = source();
  assert.ok(weights.has("a") && !weights.has("c"));
  assert.deepEqual(weights.shape("b"), [3]);
  assert.equal(weights.shape("c"), undefined);
  const a = weights.get("a", [2]);
  assert.equal(await a.read(), TENSORS["model.a"]);
  assert.equal(weights.get("b", [3]).dtype, "F16");
  weights.check("net");
});

Deno.test("a report names everything at once; what is known not to matter is skipped", async () => {
  const weights = source();
  weights.get("a", [2]);
  const other = weights.get("b", [4]);
  const missing = weights.get("c", [5, 6]);
  assert.deepEqual((await other.read()).shape, [4]);
  assert.deepEqual((await missing.read()).shape, [5, 6]);
  assert.deepEqual(weights.report(), {
    matched: ["model.a"],
    missing: ["model.c [5, 6]"],
    mismatched: ["model.b [3] instead of [4]"],
    unexpected: ["extra"],
  });
});

Deno.test("a network that does not get its weights is an error with the first few names", () => {
  const weights = source();
  for (let i = 0; i < 7; i++) weights.get(`w${i}`, [1]);
  weights.get("b", []);
  assert.throws(() => weights.check("tiny net"), (error) => {
    assert.ok(error instanceof OnnxError);
    assert.equal(error.code, "weights-mismatch");
    assert.match(error.message, /^Cannot build tiny net: 0 weights fit, missing model\.w0 \[1\]/);
    assert.match(error.message, /and 2 more; of another shape model\.b \[3\] instead of \[\]$/);
    return true;
  });
});

Deno.test("tensors in memory that are not there are not read", () => {
  const weights = NetworkWeights.of(TENSORS);
  assert.equal(weights.shape("toString"), undefined);
  assert.ok(!weights.has("constructor"));
});

Deno.test("weights of every float type become float32, others are refused", () => {
  const values = [1, -2.5];
  const bits = new Uint16Array([0x3f80, 0xc020]);
  for (
    const t of [
      tensor("F32", [2], new Float32Array(values)),
      tensor("F16", [2], new Float16Array(values)),
      tensor("F64", [2], new Float64Array(values)),
      tensor("BF16", [2], bits),
    ]
  ) assert.deepEqual([...toFloat32(t)], values);
  assert.throws(() => toFloat32(tensor("I32", [2])), TypeError);
});
