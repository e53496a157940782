import assert from "node:assert/strict";
import { hasExactSignedProducts } from "./byte_products.ts";
import { GraphBuilder } from "../graph.ts";
import { modelBytes } from "../graph/model.ts";
import { Session } from "../session.ts";
import { tensor } from "@vcs/transport/tensor";

/** 64 products of 255 with the largest weight, whose zero is where it is said. */
async function largestSum(dtype: "I8" | "U8", zero: number): Promise<number> {
  const g = new GraphBuilder("sum");
  const x = g.input("x", "U8", ["N", 64]);
  const w = tensor(dtype, [64, 16]);
  w.data.fill(zero + 127);
  const inputs = [x, g.constant("w", w), undefined, g.scalar(zero, dtype)];
  g.output("y", g.op("MatMulInteger", inputs, {}, { dtype: "I32", shape: ["N", 16] }));
  using session = await Session.open(await modelBytes(g), { device: "cpu", threads: 1 });
  const { y } = await session.run({ x: tensor("U8", [50, 64], new Uint8Array(3200).fill(255)) });
  return Math.min(...y!.data as Int32Array);
}

Deno.test("products of unsigned bytes are exact on every processor", async () => {
  assert.equal(await largestSum("U8", 128), 2_072_640);
});

Deno.test("hasExactSignedProducts() says what this processor computes", async () => {
  assert.equal(await hasExactSignedProducts(), await largestSum("I8", 0) === 2_072_640);
});
