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

for (const name of ["encodec_24khz", "encodec_48khz", "encodec_32khz"] as const) {
  Deno.test(`${name} of transformers: its codes, its scales and its audio`, async () => {
    const { source, get } = await golden(name);
    const spec = completeSpec({ ...modelSpec(name), ...SMALL, segmentation: SEGMENTS[name] });
    const options = { weights: source, device: "cpu", threads: 1 };
    const samples = 2101;
    const audio = rows(get("audio").data, samples);
    using encoder = await Encoder.open(spec, 4, options);
    const blocks = await Array.fromAsync(encoder.encode(ReadableStream.from([audio])));

    const frames = Number(get("codes").shape[3]);
    const books = rows(get("codes").data, frames);
    for (const [i, { codes, frames: count, start: first }] of blocks.entries()) {
      const segment = spec.segmentation ? i : 0;
      const from = spec.segmentation ? 0 : first / spec.hop;
      const wanted = Array.from(
        { length: count * 4 },
        (_, j) => books[segment * 4 + j % 4]![from + Math.floor(j / 4)]!,
      );
      assert.deepEqual([...codes], wanted, `block ${i}`);
    }
    assert.ok(new Set(blocks.flatMap(({ codes }) => [...codes])).size > 8);
    if (name === "encodec_48khz") {
      const scales = Float32Array.from(blocks, ({ scale }) => scale!);
      assert.ok(difference(scales, rows(get("scales").data, 3)[0]!) < 1e-6);
    }

    using decoder = await Decoder.open(spec, options);
    const header = { spec, samples, codebooks: 4 } as CodeSource["header"];
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
