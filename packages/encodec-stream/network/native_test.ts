import assert from "node:assert/strict";
import { encodeSafetensors, readSafetensors } from "@vcs/transport/safetensors";
import { modelSpec, TINY_MODEL } from "../models.ts";
import { findWeights } from "./native.ts";

Deno.test("a codec's weights are found below the wrappers of training scripts", async () => {
  const url = new URL(`../weights/${TINY_MODEL}.safetensors`, import.meta.url);
  const { tensors } = readSafetensors(await Deno.readFile(url));
  const wrapped = [...tensors].map(([name, t]) => [`best_state/module.${name}`, t] as const);
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await Deno.writeFile(path, encodeSafetensors(new Map(wrapped)));
    using weights = await findWeights(modelSpec(TINY_MODEL), "codec", { weights: path });
    assert.deepEqual([...weights.source.names].sort(), [...tensors.keys()].sort());
  } finally {
    await Deno.remove(path);
  }
});
