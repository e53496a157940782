import assert from "node:assert/strict";
import { chosenModel, requireKeys } from "./settings.ts";

Deno.test("settings: a network by its name, or its weights by reference", () => {
  assert.deepEqual(chosenModel({}), {});
  for (const model of ["vq-tiny", "open-magvit2-video", "video_128_262144.ckpt"]) {
    assert.deepEqual(chosenModel({ model }), { reference: model });
  }
  assert.deepEqual(
    chosenModel({ model: "open-magvit2-video", weights: "a.ckpt", parameters: "raw" }),
    { reference: "a.ckpt", parameters: "raw" },
  );
});

Deno.test("settings: --model PATH and --weights ema|raw mean what they meant before", () => {
  const old = { model: "folder/a.ckpt", weights: "raw" };
  assert.deepEqual(chosenModel(old), { reference: "folder/a.ckpt", parameters: "raw" });
  assert.deepEqual(chosenModel({ weights: "ema" }), { parameters: "ema" });
});

Deno.test("settings: vq-tiny takes no weights", () => {
  assert.throws(
    () => chosenModel({ model: "vq-tiny", weights: "a.ckpt" }),
    { name: "UsageError", message: /found "a.ckpt", expected none/ },
  );
});

Deno.test("settings: only a range coded stream with an id needs every window to be a key", () => {
  const streamId = "00000000000000ab";
  requireKeys({ payload: "range", keyEvery: 9 });
  requireKeys({ streamId, payload: "packed", keyEvery: 9 });
  requireKeys({ streamId, payload: "range", keyEvery: 1 });
  requireKeys({ streamId, payload: "range" });
  assert.throws(() => requireKeys({ streamId, payload: "range", keyEvery: 9 }), /expected 1 with/);
});
