import assert from "node:assert/strict";
import { modelBytes } from "@vcs/onnx";
import { Session, type Tensors } from "@vcs/onnx/session";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { packCodes, unpackCodes } from "./container/bits.ts";
import { sampleContext } from "./network/layers.ts";
import { completeSpec, modelSpec, TINY_MODEL } from "./models.ts";
import {
  decoderConvNetwork,
  decoderRecurrentNetwork,
  encoderConvNetwork,
  encoderRecurrentNetwork,
  type Network,
} from "./network/networks.ts";
import { chunkFrames, segmentPlace } from "./container/segments.ts";
import { hashed, syntheticCheckpoint } from "./network/synthetic.ts";

/** A codec in EnCodec's architecture with other numbers throughout. */
const other = completeSpec({
  name: TINY_MODEL,
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
  checkpoint: undefined,
});

Deno.test("modelSpec() has what follows from the published numbers", () => {
  const numbers = ["encodec_24khz", "encodec_48khz"].map(modelSpec).map((spec) => [
    spec.hop,
    spec.codeBits,
    spec.bitsPerCodebook,
    spec.byteFrames,
    spec.secondFrames,
    spec.firstFrames,
    sampleContext(spec),
  ]);
  assert.deepEqual(numbers, [[320, 10, 750, 4, 76, 8, 2], [320, 10, 1500, 4, 152, 8, 2]]);
});

Deno.test("completeSpec() follows other numbers", () => {
  assert.equal(other.hop, 40);
  assert.equal(other.codeBits, 9);
  assert.equal(other.bitsPerCodebook, 1800);
  assert.equal(other.byteFrames, 8);
  assert.equal(other.secondFrames, 200);
  assert.equal(other.firstFrames, 8);
});

Deno.test("codes of a codec with other numbers are packed and placed by them", () => {
  const codes = Uint16Array.from({ length: 30 }, (_, i) => (i * 97) % 500);
  const bytes = packCodes(codes, other.codeBits);
  assert.equal(bytes.length, 34);
  assert.deepEqual(unpackCodes(bytes, 30, 0, other.codeBits), codes);
  assert.deepEqual(unpackCodes(bytes, 3, 4 * 27, other.codeBits), codes.subarray(12, 15));
  assert.throws(() => packCodes(Uint16Array.of(512), other.codeBits), {
    name: "RangeError",
    message: "Cannot pack codes: found 512, expected at most 511",
  });
  const place = segmentPlace({ spec: other, samples: 399, codebooks: 3 }, 0);
  assert.deepEqual([place.frames, place.bytes], [10, 34]);
  assert.deepEqual([undefined, 1, 9].map((n) => chunkFrames(other, n, 0)), [200, 8, 16]);
});

/** Runs the first chunk of a stream. */
async function run({ graph, state }: Network, feeds: Tensors, want: string): Promise<Tensor> {
  using session = await Session.open(await modelBytes(graph), { device: "cpu", threads: 1 });
  const start = Object.fromEntries(state.map(({ name, shape }) => [name, tensor("F32", shape)]));
  const first = tensor("BOOL", [1], Uint8Array.of(1));
  const outputs = await session.run({ ...feeds, ...start, first }, { want: [want] });
  return outputs[want]!;
}

Deno.test("a codec with other numbers has graphs from its checkpoint", async () => {
  const source = syntheticCheckpoint(other);
  const last = ["encoder", "decoder"].map((half) => `${half}.model.12.conv.conv.weight_v`);
  assert.deepEqual(last.map((name) => source.info(name).shape), [[6, 32, 5], [1, 4, 5]]);
  const samples = Float32Array.from({ length: 400 }, (_, i) => hashed(1, i));
  const audio = tensor("F32", [1, 1, 400], samples);
  const features = await run(encoderConvNetwork(other, source), { audio }, "features");
  assert.deepEqual(features.shape, [1, 32, 10]);
  const codes = await run(encoderRecurrentNetwork(other, source, 3), { features }, "codes");
  assert.deepEqual(codes.shape, [1, 10, 3]);
  const found = Array.from(codes.data as BigInt64Array, Number);
  assert.ok(found.every((code) => code >= 0 && code < 500) && new Set(found).size > 5);
  const flat = tensor("I32", [1, 10, 3], Int32Array.from(found, (code, i) => code + 500 * (i % 3)));
  const back = await run(decoderRecurrentNetwork(other, source), { flat_codes: flat }, "features");
  const decoded = await run(decoderConvNetwork(other, source), { features: back }, "audio");
  assert.deepEqual(decoded.shape, [1, 1, 400]);
  assert.ok(decoded.data.every((value) => Number.isFinite(value)));
});
