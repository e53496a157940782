/** The files of others: the codes and the audio that their packages make with the same weights. */
import assert from "node:assert/strict";
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { type CodeSource, Decoder } from "../decoder.ts";
import { Encoder } from "../encoder.ts";
import { difference, golden, rows, SEGMENTS, small } from "../testing/transformers.ts";
import { modelSpec } from "../models.ts";
import { CODEC_MODELS } from "./catalog.ts";
import { modelWeights } from "./layers.ts";
import { descriptName, kyutaiName, originalNames } from "./transformers_names.ts";

const CASES = [
  ...(Object.keys(SEGMENTS) as (keyof typeof SEGMENTS)[]).map((name) =>
    [name, "transformers"] as const
  ),
  ["dac_44khz", "descript"] as const,
  ["mimi", "moshi"] as const,
];

for (const [name, made] of CASES) {
  Deno.test(`${name} of ${made}: its codes, its scales and its audio`, async () => {
    const { source, get } = await golden(name, made);
    const spec = small(name);
    const { codebooks } = spec;
    const options = { weights: source, device: "cpu", threads: 1 };
    const samples = Number(get("audio").shape[1]);
    const audio = rows(get("audio").data, samples);
    using encoder = await Encoder.open(spec, codebooks, options);
    const blocks = await Array.fromAsync(encoder.encode(ReadableStream.from([audio])));

    const frames = Number(get("codes").shape.at(-1));
    const books = rows(get("codes").data, frames);
    for (const [i, { codes, frames: count, start: first }] of blocks.entries()) {
      const segment = spec.segmentation ? i : 0;
      const from = spec.segmentation ? 0 : first / spec.hop;
      const wanted = Array.from(
        { length: count * codebooks },
        (_, j) => books[segment * codebooks + j % codebooks]![from + Math.floor(j / codebooks)]!,
      );
      assert.deepEqual([...codes], wanted, `block ${i}`);
    }
    assert.ok(new Set(blocks.flatMap(({ codes }) => [...codes])).size > 8);
    if (name === "encodec_48khz") {
      const scales = Float32Array.from(blocks, ({ scale }) => scale!);
      assert.ok(difference(scales, rows(get("scales").data, 3)[0]!) < 1e-6);
    }

    using decoder = await Decoder.open(spec, options);
    const header = { spec, samples, codebooks } as CodeSource["header"];
    const codes = { header, units: 1e6, blocks: () => ReadableStream.from(blocks) };
    const parts = await Array.fromAsync(decoder.decode(codes));
    const decoded = rows(get("decoded").data, Number(get("decoded").shape[1]));
    audio.forEach((_, c) => {
      const sound = Float32Array.from(parts.flatMap(({ channels }) => [...channels[c]!]));
      assert.equal(sound.length, samples);
      assert.ok(difference(sound, decoded[c]!) < 1e-5, `${difference(sound, decoded[c]!)}`);
    });
  });
}

Deno.test("every tensor of DAC has one name in Descript's files", () => {
  const spec = modelSpec("dac_44khz");
  const names = modelWeights(spec).map(([name]) => descriptName(name, spec));
  assert.equal(new Set(names).size, 223);
  assert.ok(names.includes("encoder.block.4.block.2.block.3.bias"));
  assert.ok(names.includes("decoder.model.6.weight"));
});

Deno.test("every tensor of Mimi has one name in Kyutai's files", () => {
  const names = modelWeights(modelSpec("mimi")).map(([name]) => kyutaiName(name));
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.includes("quantizer.rvq_rest.vq.layers.30._codebook.embedding_sum"));
  assert.ok(names.includes("decoder_transformer.transformer.layers.7.layer_scale_2.scale"));
  assert.ok(names.includes("encoder.model.14.conv.conv.bias"));
});

Deno.test("a file of Mimi with the names before moshi 0.2 is the same", async () => {
  const { source } = await golden("mimi", "moshi");
  const older = (name: string) =>
    name.replace(".in_projs.0.weight", ".in_proj_weight").replace(".out_projs.0.", ".out_proj.");
  const places = new Map(source.names.map((name) => [older(name), name]));
  const before: TensorSource = {
    names: [...places.keys()],
    has: (name) => places.has(name),
    info: (name) => source.info(places.get(name)!),
    read: (name) => source.read(places.get(name)!),
  };
  const spec = small("mimi");
  const [now, then] = [originalNames(spec, source), originalNames(spec, before)];
  assert.deepEqual(now.names, modelWeights(spec).map(([name]) => name));
  assert.deepEqual(then.names, now.names);
  for (const name of now.names) assert.deepEqual(await then.read(name), await now.read(name), name);
});

Deno.test("encodec_32khz is known by the names in its file", async () => {
  const shapes = await CODEC_MODELS.find("encodec_32khz")!.tensors!();
  assert.deepEqual(shapes.get("decoder.layers.3.conv.weight_v"), [1024, 512, 16]);
  assert.deepEqual(shapes.get("quantizer.layers.3.codebook.embed"), [2048, 128]);
  assert.equal(shapes.get("encoder.layers.1.shortcut.conv.weight_v"), undefined);
});

Deno.test("dac_44khz: a clip that ends inside a frame is padded by zeros, as the reference's", async () => {
  const { source, get } = await golden("dac_44khz");
  const spec = small("dac_44khz");
  using encoder = await Encoder.open(spec, 3, { weights: source, device: "cpu", threads: 1 });
  const whole = rows(get("audio").data, 2104)[0]!.subarray(0, 1205);
  const padded = new Float32Array(1208);
  padded.set(whole);
  const codes = async (audio: Float32Array<ArrayBuffer>) =>
    (await Array.fromAsync(encoder.encode(ReadableStream.from([[audio]])))).map((b) => b.codes);
  assert.deepEqual(await codes(whole), await codes(padded));
});
