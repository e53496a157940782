import assert from "node:assert/strict";
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { tensor } from "@vcs/transport/tensor";
import { findClipWeights, visionShapes } from "./weights.ts";

const CONFIG = { width: 64, layers: 1, heads: 1, embedDim: 8, patchSize: 4, imageSize: 8 };

Deno.test("CLIP's weights are found below the wrappers of training scripts", async () => {
  for (const prefix of ["", "state_dict/", "state_dict/module.", "model/_orig_mod."]) {
    const tensors = [...visionShapes(CONFIG)].map(([name, shape]) =>
      [prefix + name, tensor("F32", shape)] as const
    );
    const file = encodeSafetensors(new Map([...tensors, ["epoch/x", tensor("F32", [1])]]));
    using checkpoint = await openCheckpoint(file);
    assert.deepEqual(findClipWeights(checkpoint).vision.config, CONFIG, prefix);
  }
});
