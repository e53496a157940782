import { inspectCheckpoint } from "../../onnx/command/doctor.ts";
import { fileURLToPath } from "node:url";
import { modelSpec } from "../models.ts";
import { small } from "../testing/transformers.ts";
import assert from "node:assert/strict";
import { CODEC_MODELS, codecCatalog } from "./catalog.ts";

/** Numbers of tensors and of elements, as the authors' modules count them. */
const COUNTS: { readonly [model: string]: [tensors: number, elements: number] } = {
  "encodec_24khz": [252, 93_092_872 / 4],
  "encodec_48khz": [224, 76_267_992 / 4],
  // As transformers' EncodecModel has it.
  "encodec_32khz": [116, 58_990_022],
  // As its DacModel.
  "dac_44khz": [223, 76_620_777],
  // As its MimiModel.
  "mimi": [350, 96_151_393],
  "encodec_tiny_24khz": [139, 1_526_627],
  "encodec_lm_24khz": [158, 62_239_072 / 4],
  "encodec_lm_48khz": [110, 35_946_336 / 4],
};

for (const [model, [tensors, elements]] of Object.entries(COUNTS)) {
  Deno.test(`${model} has ${tensors} tensors of ${elements} elements`, async () => {
    const shapes = await CODEC_MODELS.find(model)!.tensors!();
    assert.equal(shapes.size, tensors);
    const sum = [...shapes.values()].reduce((s, shape) => s + shape.reduce((a, b) => a * b, 1), 0);
    assert.equal(sum, elements);
  });
}

Deno.test("the catalogue has the published models and nothing else", () => {
  assert.deepEqual(CODEC_MODELS.models.map(({ name }) => name).sort(), Object.keys(COUNTS).sort());
  assert.equal(CODEC_MODELS.find("encodec_48khz-7e698e3e.th")?.name, "encodec_48khz");
  assert.deepEqual(CODEC_MODELS.find("ENCODEC_lm_48khz")?.files, [{
    file: "encodec_lm_48khz-7add9fc3.th",
    url: "https://dl.fbaipublicfiles.com/encodec/v0/encodec_lm_48khz-7add9fc3.th",
    sha256: "7add9fc3",
    cache: "torch",
  }]);
});

const FOREIGN = [
  ["encodec_24khz", "transformers"],
  ["encodec_48khz", "transformers"],
  ["mimi", "transformers"],
  ["mimi", "moshi"],
  ["dac_44khz", "descript"],
  ["dac_44khz", "transformers"],
] as const;

for (const [name, maker] of FOREIGN) {
  Deno.test(`doctor recognises a file of ${name} by the names of ${maker}`, async () => {
    const path = fileURLToPath(
      new URL(`../testdata/${maker}_${name}.safetensors`, import.meta.url),
    );
    const spec = { ...small(name), checkpoint: modelSpec(name).checkpoint };
    const { fit } = await inspectCheckpoint(codecCatalog([spec]), path);
    assert.deepEqual(fit?.models, [name]);
    // What only training needs was left out of these files.
    const missing = fit.missing.filter((left) => !/\.(cluster_size|embed_avg) /.test(left));
    assert.deepEqual([missing, fit.mismatched], [[], []]);
    assert.ok(fit.unexpected.every((left) => left.startsWith("golden.")), fit.unexpected.join());
  });
}
