/**
 * How far a seek of the player, which runs over a few seconds of preroll, is from an exact one:
 *
 *     deno run -A bench/encodec-stream_preroll.ts
 *
 * The small model has its trained weights and decodes a sentence; trained weights of the others are
 * not at hand: theirs are random, and so are their codes.
 *
 * @module
 */
import { Decoder } from "@vcs/encodec-stream/decoder";
import { syntheticCheckpoint } from "@vcs/encodec-stream/internal";
import { print } from "@vcs/transport/internal";
import { prerollError, randomFile } from "../packages/encodec-stream/testing/preroll_error.ts";
import { prerollOf } from "../packages/encodec-stream/page/preroll.ts";

const SENTENCE = new URL("../packages/encodec-stream/testdata/speech.ecdc", import.meta.url);
const SEEKS = { encodec_tiny_24khz: [3, 4], encodec_24khz: [10, 20], mimi: [30, 105] };

for (const model of ["encodec_tiny_24khz", "encodec_24khz", "mimi"] as const) {
  const isTrained = model === "encodec_tiny_24khz";
  const weights = isTrained ? undefined : syntheticCheckpoint(model);
  using decoder = await Decoder.open(model, { device: "cpu", ...(weights ? { weights } : {}) });
  const at = SEEKS[model];
  const file = isTrained
    ? await Deno.readFile(SENTENCE)
    : randomFile(decoder.spec, Math.max(...at) + 1);
  const { seconds } = prerollOf(decoder.spec)!;
  for (const second of at) {
    const error = await prerollError(decoder, file, second, seconds);
    print(`${model}: at ${second} s, preroll ${seconds} s: ${error.toFixed(1)} dB`);
  }
}
