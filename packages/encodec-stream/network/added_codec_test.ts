/** The walk of CONTRIBUTING.md: a codec is added by one entry, and goes from its name to audio. */
import { encodeSafetensors } from "@vcs/transport/safetensors";
import type { Tensor } from "@vcs/transport/tensor";
import assert from "node:assert/strict";
import type { EcdcHeader } from "../container/header.ts";
import type { CodeBlock } from "../container/reader.ts";
import { type CodeSource, Decoder } from "../decoder.ts";
import { Encoder } from "../encoder.ts";
import { completeSpec, type ModelName, type ModelSpec } from "../models.ts";
import { codecCatalog } from "./catalog.ts";
import { hashed, syntheticCheckpoint } from "./synthetic.ts";

/** The entry: other strides, widths and codebooks than any published codec. */
const ADDED = completeSpec({
  name: "added_8khz" as ModelName,
  sampleRate: 8000,
  channels: 1,
  segmentation: undefined,
  strides: [5, 4, 2],
  kernel: 5,
  filters: 4,
  latent: 6,
  codebooks: 3,
  codebookSize: 500,
  bandwidths: [1.8],
  languageModel: undefined,
  checkpoint: {
    ...{ name: "added_8khz_v2", aliases: ["added"], about: "a codec of nobody", bytes: 2e5 },
    files: [{ file: "added.safetensors", repository: "nobody/added" }],
  },
});

/** Weights where a download would have put them. */
async function putWeights(folder: string, spec: ModelSpec): Promise<string> {
  const source = syntheticCheckpoint(spec);
  const tensors: Record<string, Tensor> = {};
  for (const name of source.names) tensors[name] = await source.read(name);
  const path = `${folder}/models/nobody--added/added.safetensors`;
  await Deno.mkdir(`${folder}/models/nobody--added`, { recursive: true });
  await Deno.writeFile(path, encodeSafetensors(tensors));
  return path;
}

/** Blocks of codes as a decoder reads them. */
function codesOf(blocks: readonly CodeBlock[], samples: number): CodeSource {
  const header = { spec: ADDED, samples, codebooks: ADDED.codebooks } as EcdcHeader;
  return { header, units: samples / ADDED.hop, blocks: () => ReadableStream.from(blocks) };
}

Deno.test("a codec with other numbers goes from its name to codes and back", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const env = new Map([["VCS_CACHE", folder], ["VCS_OFFLINE", "1"]]);
    const catalog = codecCatalog([ADDED], { env });
    const path = await putWeights(folder, ADDED);
    assert.equal(await catalog.resolve("Added"), path);
    const shapes = await catalog.find("added")!.tensors!();
    assert.deepEqual(shapes.get("quantizer.vq.layers.2._codebook.embed"), [500, 6]);
    assert.deepEqual(shapes.get("encoder.model.12.conv.conv.weight_v"), [6, 32, 5]);

    const samples = 40 * 50;
    const options = { catalog, device: "cpu", threads: 1, cache: `${folder}/graphs` };
    using encoder = await Encoder.open(ADDED, 3, options);
    const audio = Float32Array.from({ length: samples }, (_, i) => hashed(1, i));
    const blocks = await Array.fromAsync(encoder.encode(ReadableStream.from([[audio]])));
    const codes = blocks.flatMap((block) => [...block.codes]);
    assert.equal(codes.length, 50 * 3);
    assert.ok(codes.every((code) => code < 500) && new Set(codes).size > 20);

    using decoder = await Decoder.open(ADDED, options);
    const decoded = await Array.fromAsync(decoder.decode(codesOf(blocks, samples)));
    const sound = decoded.flatMap(({ channels }) => [...channels[0]!]);
    assert.equal(sound.length, samples);
    assert.ok(sound.every(Number.isFinite) && new Set(sound).size > 1000);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
