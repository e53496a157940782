import assert from "node:assert/strict";
import { MODELS_WITH_TENSORS, modelTensors } from "./model_tensors.ts";

/** Numbers of tensors and of elements, as the authors' modules count them. */
const COUNTS: { readonly [model: string]: [tensors: number, elements: number] } = {
  "encodec_24khz": [252, 93_092_872 / 4],
  "encodec_48khz": [224, 76_267_992 / 4],
  "encodec_lm_24khz": [158, 62_239_072 / 4],
  "encodec_lm_48khz": [110, 35_946_336 / 4],
  "open-magvit2-video": [283, 144_865_298 + 225_682_051],
};

for (const [model, [tensors, elements]] of Object.entries(COUNTS)) {
  Deno.test(`${model} has ${tensors} tensors of ${elements} elements`, () => {
    const shapes = modelTensors(model)!;
    assert.equal(shapes.size, tensors);
    const sum = [...shapes.values()].reduce((s, shape) => s + shape.reduce((a, b) => a * b, 1), 0);
    assert.equal(sum, elements);
  });
}

/** Parameters of CLIP's image towers, in millions, as published. */
const CLIP: { readonly [model: string]: [tensors: number, millions: number] } = {
  "ViT-B-32/openai": [152, 87.85],
  "ViT-B-16/openai": [152, 86.19],
  "ViT-L-14/openai": [296, 303.97],
  "ViT-L-14-336/openai": [296, 304.29],
};

for (const [model, [tensors, millions]] of Object.entries(CLIP)) {
  Deno.test(`${model} has an image tower of ${millions} million parameters`, () => {
    const shapes = modelTensors(model)!;
    assert.equal(shapes.size, tensors);
    const sum = [...shapes.values()].reduce((s, shape) => s + shape.reduce((a, b) => a * b, 1), 0);
    assert.equal((sum / 1e6).toFixed(2), millions.toFixed(2));
  });
}

Deno.test("every model here is one of the tests above, others are not known", () => {
  const tested = [...Object.keys(COUNTS), ...Object.keys(CLIP)];
  assert.deepEqual(MODELS_WITH_TENSORS.toSorted(), tested.toSorted());
  assert.equal(modelTensors("toString"), undefined);
});
