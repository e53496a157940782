/** Files of Hugging Face's transformers: the codes and the audio that it makes with the same weights. */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { readSafetensors } from "@vcs/transport/safetensors";
import assert from "node:assert/strict";
import { type CodeSource, Decoder } from "../decoder.ts";
import { Encoder } from "../encoder.ts";
import { completeSpec, type ModelName, modelSpec } from "../models.ts";
import { CODEC_MODELS } from "./catalog.ts";

/** Sizes of the weights in `testdata`. */
const SMALL = {
  ...{ filters: 4, latent: 8, strides: [4, 2], sampleRate: 800 },
  ...{ codebooks: 4, codebookSize: 32, checkpoint: undefined },
};

const SEGMENTS = {
  encodec_24khz: undefined,
  encodec_48khz: { length: 800, stride: 792 },
  encodec_32khz: { length: 960_000, stride: 960_000 },
  dac_44khz: { length: 80_000, stride: 80_000 },
};

/** Sizes of DAC, which are others. */
const SMALL_DAC = {
  ...{ filters: 2, latent: 8, strides: [4, 2], sampleRate: 800, codebooks: 3, codebookSize: 32 },
  ...{ checkpoint: undefined, dac: { decoderWidth: 12, codeWidth: 4 } },
};

async function golden(name: ModelName) {
  const file = new URL(`../testdata/transformers_${name}.safetensors`, import.meta.url);
  const { tensors } = readSafetensors(await Deno.readFile(file));
  const get = (key: string) => {
    const found = tensors.get(key);
    assert.ok(found, key);
    return found;
  };
  const source: TensorSource = {
    names: [...tensors.keys()],
    has: (key) => tensors.has(key),
    info: get,
    read: (key) => Promise.resolve(get(key)),
  };
  return { source, get: (key: string) => get(`golden.${key}`) };
}

/** Rows of a tensor's last axis. */
function rows(data: ArrayLike<number | bigint>, length: number): Float32Array<ArrayBuffer>[] {
  const all = Float32Array.from(data as ArrayLike<number>, Number);
  return Array.from(
    { length: all.length / length },
    (_, i) => all.slice(i * length, (i + 1) * length),
  );
}

/** The largest difference of two signals where both are. */
function difference(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? value))), 0);
}

for (const name of Object.keys(SEGMENTS) as (keyof typeof SEGMENTS)[]) {
  Deno.test(`${name} of transformers: its codes, its scales and its audio`, async () => {
    const { source, get } = await golden(name);
    const sizes = name === "dac_44khz" ? SMALL_DAC : SMALL;
    const spec = completeSpec({ ...modelSpec(name), ...sizes, segmentation: SEGMENTS[name] });
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

Deno.test("encodec_32khz is known by the names in its file", async () => {
  const shapes = await CODEC_MODELS.find("encodec_32khz")!.tensors!();
  assert.deepEqual(shapes.get("decoder.layers.3.conv.weight_v"), [1024, 512, 16]);
  assert.deepEqual(shapes.get("quantizer.layers.3.codebook.embed"), [2048, 128]);
  assert.equal(shapes.get("encoder.layers.1.shortcut.conv.weight_v"), undefined);
});

Deno.test("dac_44khz: a clip that ends inside a frame is padded by zeros, as the reference's", async () => {
  const { source, get } = await golden("dac_44khz");
  const spec = completeSpec({ ...modelSpec("dac_44khz"), ...SMALL_DAC });
  using encoder = await Encoder.open(spec, 3, { weights: source, device: "cpu", threads: 1 });
  const whole = rows(get("audio").data, 2104)[0]!.subarray(0, 1205);
  const padded = new Float32Array(1208);
  padded.set(whole);
  const codes = async (audio: Float32Array<ArrayBuffer>) =>
    (await Array.fromAsync(encoder.encode(ReadableStream.from([[audio]])))).map((b) => b.codes);
  assert.deepEqual(await codes(whole), await codes(padded));
});
