/** How much of a stream goes through the networks at a time. */
import assert from "node:assert/strict";
import { type CodeSource, type DecodeOptions, Decoder } from "./decoder.ts";
import { type CodeBlock, EcdcReader } from "./container/reader.ts";
import { EcdcWriter } from "./container/writer.ts";
import { type EncodeOptions, Encoder } from "./encoder.ts";
import { modelSpec, TINY_MODEL } from "./models.ts";

const FRAMES = 600;
const HOP = modelSpec(TINY_MODEL).hop;
const codebooks = 2;
const options = { device: "cpu" };

async function* silence() {
  yield await Promise.resolve([new Float32Array(FRAMES * HOP)]);
}

async function encoded(settings: EncodeOptions): Promise<CodeBlock[]> {
  using encoder = await Encoder.open(TINY_MODEL, codebooks, options);
  return await Array.fromAsync(encoder.encode(silence(), settings));
}

/** Frames of each block that a decoder asks for, in order. */
async function decodedBy(bytes: Uint8Array, settings: DecodeOptions): Promise<number[]> {
  await using reader = await EcdcReader.open(bytes);
  const frames: number[] = [];
  const source: CodeSource = {
    header: reader.header,
    units: reader.units,
    async *blocks(range) {
      for await (const block of reader.blocks(range)) {
        frames.push(block.frames);
        yield block;
      }
    },
  };
  using decoder = await Decoder.open(TINY_MODEL, options);
  for await (const _ of decoder.decode(source, settings));
  return frames;
}

async function fileOf(blocks: readonly CodeBlock[]): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const write = (bytes: Uint8Array) => Promise.resolve(void parts.push(bytes.slice()));
  const samples = FRAMES * HOP;
  const writer = new EcdcWriter({ write }, { model: TINY_MODEL, codebooks, samples });
  for (const block of blocks) await writer.write(block);
  await writer.close(samples);
  return await new Blob(parts).bytes();
}

const framesOf = (blocks: readonly CodeBlock[]) => blocks.map(({ frames }) => frames);
const eights = Array<number>(FRAMES / 8).fill(8);

Deno.test("an encoder's calls grow from 8 frames to the batch, and stay at 8 for low latency", async () => {
  assert.deepEqual(framesOf(await encoded({ batch: 2 })), [8, 76, 152, 152, 152, 60]);
  assert.deepEqual(framesOf(await encoded({ batch: 1 })), [8, 76, 76, 76, 76, 76, 76, 76, 60]);
  assert.deepEqual(framesOf(await encoded({ lowLatency: true })), eights);
});

Deno.test("a decoder's calls grow from 8 frames to the batch, and stay at 8 for low latency", async () => {
  const bytes = await fileOf(await encoded({}));
  assert.deepEqual(await decodedBy(bytes, {}), [8, 8, 16, 32, 64, 76, 76, 76, 76, 76, 76, 16]);
  assert.deepEqual(await decodedBy(bytes, { batch: 2 }), [8, 8, 16, 32, 64, 128, 152, 152, 40]);
  assert.deepEqual(await decodedBy(bytes, { lowLatency: true }), eights);
});
