import assert from "node:assert/strict";
import { checkInPython, described, graphBuilders, IN_PYTHON } from "#testing/exported_graphs.ts";
import { needing } from "#testing/shared.ts";
import { MODEL_NAMES, modelSpec, TINY_MODEL } from "../models.ts";
import { golden, small } from "../testing/transformers.ts";
import { codecGraphs, languageModelGraphs, openGraphs } from "./exported.ts";
import { syntheticCheckpoint } from "./synthetic.ts";
import { originalNames } from "./transformers_names.ts";

const { signal } = new AbortController();

/** How the graphs of a model read: a causal one takes `first`, others segments in batches. */
function expected(name: string, counts: readonly number[], isCausal: boolean): string[] {
  const [first, batch] = isCausal ? [",first", 0] : ["", 16];
  const noise = name === TINY_MODEL ? ",noise" : "";
  return [
    `${name}.encoder_conv: batch 0, audio${first} -> features`,
    ...counts.map((count) =>
      `${name}.encoder_recurrent_${count}: batch ${batch}, features${first} -> codes`
    ),
    `${name}.decoder_recurrent: batch ${batch}, flat_codes${first} -> features`,
    `${name}.decoder_conv: batch 0, features${first}${noise} -> audio`,
  ];
}

const languageModels = (name: string, counts: readonly number[]) =>
  counts.map((count) =>
    `${name}.language_model_${count}: batch 0, flat_symbols,position -> probabilities`
  );

Deno.test("export has every graph of every model", async () => {
  const all = MODEL_NAMES.map(modelSpec).flatMap((spec) => [
    ...codecGraphs(spec, syntheticCheckpoint(spec)),
    ...spec.languageModel
      ? languageModelGraphs(spec, syntheticCheckpoint(spec, "language-model"))
      : [],
  ]);
  assert.deepEqual(described(all), [
    ...expected("encodec_24khz", [2, 4, 8, 16, 32], true),
    ...languageModels("encodec_lm_24khz", [2, 4, 8, 16, 32]),
    ...expected("encodec_48khz", [2, 4, 8, 16], false),
    "encodec_48khz.encoder_conv_segment: batch 0, audio -> features",
    "encodec_48khz.decoder_conv_segment: batch 0, features -> audio",
    ...languageModels("encodec_lm_48khz", [2, 4, 8, 16]),
    ...expected("encodec_32khz", [4], false),
    "dac_44khz.dac_encoder_conv: batch 0, audio -> features",
    ...[3, 6, 9].map((n) => `dac_44khz.dac_encoder_codes_${n}: batch 16, features -> codes`),
    "dac_44khz.dac_decoder_codes: batch 16, flat_codes -> features",
    "dac_44khz.dac_decoder_conv: batch 0, features -> audio",
    "mimi.encoder_conv: batch 0, audio -> features",
    ...[8, 16, 32].map((n) => `mimi.encoder_transformer_${n}: batch 0, features,first -> codes`),
    "mimi.decoder_transformer: batch 0, flat_codes -> features",
    "mimi.decoder_conv: batch 0, features -> audio",
    ...expected("encodec_tiny_24khz", [2, 4, 8], true),
  ]);
  // A builder that is not here is one that nothing above exports.
  assert.deepEqual(await graphBuilders(new URL("../", import.meta.url)), [
    ...["dacDecoderCodes", "dacDecoderConv", "dacEncoderCodes", "dacEncoderConv"],
    ...["decoderConvNetwork", "decoderRecurrentNetwork", "encoderConvNetwork"],
    ...["encoderRecurrentNetwork", "languageModelNetwork"],
    ...["mimiDecoderCodes", "mimiDecoderConv", "mimiEncoderCodes", "mimiEncoderConv"],
  ]);
});

Deno.test({
  ...needing(
    "ONNX Runtime's Python makes of the exported graphs of two codecs and a language model what we do",
    IN_PYTHON,
  ),
  async fn() {
    using opened = await openGraphs(TINY_MODEL, signal);
    const spec = modelSpec("encodec_24khz");
    const source = syntheticCheckpoint(spec, "language-model");
    const weights = originalNames(small("mimi"), (await golden("mimi")).source);
    const mimi = codecGraphs(small("mimi"), weights);
    const languageModel = languageModelGraphs(spec, source).slice(0, 1);
    await checkInPython([...opened.graphs, ...mimi, ...languageModel]);
  },
});

Deno.test({
  ...needing(
    "ONNX Runtime's Python makes of the exported graphs of small codecs of every other kind what we do",
    IN_PYTHON,
  ),
  async fn() {
    for (const name of ["encodec_24khz", "encodec_48khz", "encodec_32khz", "dac_44khz"] as const) {
      const { source } = await golden(name);
      // One codebook, and three.
      const spec = { ...small(name), bandwidths: [0.5, 1.5] };
      await checkInPython(codecGraphs(spec, originalNames(spec, source)));
    }
  },
});

Deno.test("export of an unknown model lists those that there are", async () => {
  await assert.rejects(openGraphs("nope", signal), {
    code: "model-unknown",
    message: /^Cannot export nope: expected one of encodec_24khz, .*encodec_lm_24khz/,
  });
});
