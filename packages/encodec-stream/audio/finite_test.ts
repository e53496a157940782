import assert from "node:assert/strict";
import { FiniteSamples } from "./finite.ts";

Deno.test("samples that are no finite numbers become 0 and are counted, the source stays", async () => {
  const chunks = [
    [Float32Array.of(1, NaN, 3), Float32Array.of(Infinity, 2, -Infinity)],
    [Float32Array.of(4), Float32Array.of(5)],
  ];
  const source = async function* () {
    yield* await Promise.resolve(chunks);
  };
  const finite = new FiniteSamples();
  const found = await Array.fromAsync(finite.of(source()));
  assert.deepEqual(found, [
    [Float32Array.of(1, 0, 3), Float32Array.of(0, 2, 0)],
    [Float32Array.of(4), Float32Array.of(5)],
  ]);
  assert.equal(finite.replaced, 3);
  assert.ok(Number.isNaN(chunks[0]![0]![1]));
});
