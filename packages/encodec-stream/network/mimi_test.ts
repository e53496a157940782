/** Mimi as a stream, against what transformers makes of the whole: chunks, seeks, one codebook. */
import assert from "node:assert/strict";
import type { BlockRange, CodeBlock } from "../container/reader.ts";
import { type CodeSource, type DecodeOptions, Decoder } from "../decoder.ts";
import { Encoder } from "../encoder.ts";
import { modelSpec } from "../models.ts";
import { difference, golden, rows, small } from "../testing/transformers.ts";
import { memoryFrames } from "./layers.ts";

const spec = small("mimi");
const FRAMES = 76;
const { source: weights, get } = await golden("mimi");
const options = { weights, device: "cpu", threads: 1 };
const audio = rows(get("audio").data, Number(get("audio").shape[1]))[0]!;
const whole = rows(get("decoded").data, FRAMES * spec.hop)[0]!;
const books = rows(get("codes").data, FRAMES);

/** The reference's codes from a frame on, of the first codebooks. */
function codesFrom(frame: number, frames: number, codebooks: number): CodeBlock {
  const codes = Uint16Array.from(
    { length: frames * codebooks },
    (_, i) => books[i % codebooks]![frame + Math.floor(i / codebooks)]!,
  );
  const start = frame * spec.hop;
  return { index: frame, start, samples: frames * spec.hop, frames, scale: undefined, codes };
}

/** Decodes blocks of so many frames each, from those that are asked for. */
async function decode(frames: number, codebooks = spec.codebooks, wanted: DecodeOptions = {}) {
  const asked: BlockRange[] = [];
  const header = { spec, samples: whole.length, codebooks } as CodeSource["header"];
  async function* blocks(range: BlockRange = {}) {
    asked.push(range);
    const { from = 0, to = FRAMES } = range;
    for (let at = from; at < to; at += frames) {
      yield codesFrom(at, Math.min(frames, FRAMES - at), codebooks);
    }
  }
  using decoder = await Decoder.open(spec, options);
  const parts = await Array.fromAsync(decoder.decode({ header, units: FRAMES, blocks }, wanted));
  const sound = Float32Array.from(parts.flatMap(({ channels }) => [...channels[0]!]));
  return { sound, asked };
}

for (const lowLatency of [true, false]) {
  Deno.test(`mimi encodes ${lowLatency ? "frame by frame" : "in seconds"} as all at once`, async () => {
    using encoder = await Encoder.open(spec, spec.codebooks, options);
    const pieces = Array.from({ length: 13 }, (_, i) => [audio.slice(i * 100, (i + 1) * 100)]);
    const blocks = await Array.fromAsync(
      encoder.encode(ReadableStream.from(pieces), { lowLatency, batch: 1 }),
    );
    assert.equal(blocks.length, lowLatency ? FRAMES : 3);
    const codes = blocks.flatMap((block) => [...block.codes]);
    assert.deepEqual(codes, [...codesFrom(0, FRAMES, spec.codebooks).codes]);
  });
}

for (const frames of [1, 7, FRAMES]) {
  Deno.test(`mimi decodes in blocks of ${frames} as all at once`, async () => {
    const { sound } = await decode(frames);
    assert.equal(sound.length, whole.length);
    assert.ok(difference(sound, whole) < 1e-5, `${difference(sound, whole)}`);
  });
}

Deno.test("mimi decodes the semantic codebook alone", async () => {
  const { sound } = await decode(FRAMES, 1);
  const wanted = rows(get("decoded_semantic").data, whole.length)[0]!;
  assert.ok(difference(sound, wanted) < 1e-5, `${difference(sound, wanted)}`);
});

Deno.test("mimi seeks exactly, over as much as its windows reach back", async () => {
  const from = 60 * spec.hop + 5;
  const { sound, asked } = await decode(4, spec.codebooks, { from });
  assert.equal(sound.length, whole.length - from);
  assert.ok(difference(sound, whole.subarray(from)) < 1e-5);
  assert.equal(memoryFrames(spec), 12);
  assert.ok(asked[0]!.from! > 20, `read from ${asked[0]!.from}`);
  // Of the published model that is 80 s.
  assert.equal(memoryFrames(modelSpec("mimi")), 997);
});
