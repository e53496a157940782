import assert from "node:assert/strict";
import { sharedPath, sharedTest } from "#testing/shared.ts";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { tensor } from "@vcs/transport/tensor";
import { openCheckpoint } from "../checkpoint.ts";
import { emaWeights, stateDict, tensorsUnder } from "./checkpoint_weights.ts";
import { failsWith, fixturePath } from "../testdata/checkpoint_cases.ts";

/** A checkpoint whose tensors hold their place in the list. */
async function withNames(...names: string[]) {
  const pairs = names.map((name, i) => [name, tensor("U8", [1], new Uint8Array([i]))] as const);
  return await openCheckpoint(encodeSafetensors(new Map(pairs)));
}

Deno.test("stateDict() looks below wrappers and takes the prefix of parallel training away", async () => {
  const cases: [string[], string[]][] = [
    [["a.weight", "b"], ["a.weight", "b"]],
    [["state_dict/a", "optimizer_states/0/m"], ["a"]],
    [["model/a", "other/b"], ["a"]],
    [["state_dict/module.a", "state_dict/module.b"], ["a", "b"]],
    [["module.a", "b"], ["b", "module.a"]],
    [["module/a"], ["a"]],
    [["model_state/a", "optimizer/b"], ["a"]],
    [["net/a", "epoch/b"], ["a"]],
    [["best_state/model/a", "model/a", "ema/a"], ["a"]],
    [["_orig_mod.a", "_orig_mod.b"], ["a", "b"]],
    [["state_dict/module._orig_mod.a"], ["a"]],
    [["state_dict/_orig_mod.module.a"], ["a"]],
    [["_orig_mod.a", "b"], ["_orig_mod.a", "b"]],
  ];
  for (const [names, wanted] of cases) {
    using checkpoint = await withNames(...names);
    assert.deepEqual([...stateDict(checkpoint).names].sort(), wanted);
  }
});

Deno.test("a view knows its own names only", async () => {
  using checkpoint = await withNames("x/a", "y/b");
  const view = tensorsUnder(checkpoint, "x/");
  assert.ok(view.has("a") && !view.has("b") && !view.has("x/a"));
  assert.deepEqual(view.info("a"), { dtype: "U8", shape: [1] });
  assert.equal((await view.read("a")).data[0], 0);
  await assert.rejects(view.read("y/b"), RangeError);
  assert.throws(() => view.info("b"), RangeError);
});

Deno.test("emaWeights() takes averages where there are some, and says where there are none", async () => {
  const names = ["enc.w", "enc.buffer", "model_ema.encw", "model_ema.decay"];
  using checkpoint = await withNames(...names);
  const averaged = emaWeights(checkpoint)!;
  assert.deepEqual([...averaged.names].sort(), ["enc.buffer", "enc.w"]);
  assert.equal((await averaged.read("enc.w")).data[0], 2);
  assert.equal((await averaged.read("enc.buffer")).data[0], 1);
  using plain = await withNames("enc.w", "model_ema.decay");
  assert.equal(emaWeights(plain), undefined);
  using twice = await withNames("a.b", "ab", "model_ema.ab");
  assert.throws(() => emaWeights(twice), failsWith("weights-mismatch", /model_ema\.ab/));
});

Deno.test("a Lightning checkpoint of parallel training with averages", async () => {
  using checkpoint = await openCheckpoint(fixturePath("lightning.ckpt"));
  const weights = stateDict(checkpoint);
  assert.deepEqual(weights.names, ["encoder.weight", "model_ema.encoderweight"]);
  assert.deepEqual([...(await weights.read("encoder.weight")).data], [1, 1]);
  assert.deepEqual([...(await emaWeights(weights)!.read("encoder.weight")).data], [2, 2]);
});

sharedTest("the reduced video tokenizer has an average for every weight", async () => {
  const packed = await Deno.open(sharedPath("golden/video-vq/tiny_video.ckpt.gz"));
  const plain = packed.readable.pipeThrough(new DecompressionStream("gzip"));
  const path = await Deno.makeTempFile({ suffix: ".ckpt" });
  try {
    await Deno.writeFile(path, plain);
    using checkpoint = await openCheckpoint(path);
    const raw = stateDict(checkpoint);
    const averaged = emaWeights(raw)!;
    const wanted = averaged.names.filter((name) => /^(en|de)coder\./.test(name));
    assert.ok(wanted.length > 100);
    for (const name of wanted) {
      assert.deepEqual(averaged.info(name), raw.info(name));
      assert.notDeepEqual(await averaged.read(name), await raw.read(name), name);
    }
    assert.equal(checkpoint.metadata.get("hyper_parameters/ddconfig/z_channels"), 18);
  } finally {
    await Deno.remove(path);
  }
});
