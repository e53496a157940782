/** The errors that the page states are not smaller than those that are measured. */
import assert from "node:assert/strict";
import { Decoder } from "../decoder.ts";
import { modelSpec } from "../models.ts";
import { syntheticCheckpoint } from "../network/synthetic.ts";
import { prerollError, randomFile } from "../testing/preroll_error.ts";
import { prerollOf } from "./preroll.ts";

Deno.test("a seek in a sentence of the small model is as close as the page says", async () => {
  const file = await Deno.readFile(new URL("../testdata/speech.ecdc", import.meta.url));
  using decoder = await Decoder.open("encodec_tiny_24khz", { device: "cpu" });
  const { seconds, decibels } = prerollOf(decoder.spec)!;
  for (const at of [3, 4]) {
    const error = await prerollError(decoder, file, at, seconds);
    // Not nothing, either: the seek has forgotten what lies before the preroll.
    assert.ok(error <= decibels! && error > -Infinity, `${error} dB at ${at} s`);
  }
});

Deno.test("a seek in 24 kHz codes of random weights is as close as the page says", async () => {
  const weights = syntheticCheckpoint("encodec_24khz");
  using decoder = await Decoder.open("encodec_24khz", { weights, device: "cpu" });
  const { seconds, decibels } = prerollOf(decoder.spec)!;
  const error = await prerollError(decoder, randomFile(decoder.spec, 5), 4, seconds);
  assert.ok(error <= decibels!, `${error} dB`);
});

Deno.test("models with segments seek exactly, and Mimi over what one layer sees", () => {
  assert.equal(prerollOf(modelSpec("encodec_48khz")), undefined);
  assert.equal(prerollOf(modelSpec("mimi"))?.seconds, 10);
});
