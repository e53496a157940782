import assert from "node:assert/strict";
import type { CodeBlock } from "../container/reader.ts";
import { type CodeSource, Decoder } from "../decoder.ts";
import { completeSpec, type ModelName, type ModelSpec, modelSpec } from "../models.ts";
import { syntheticCheckpoint } from "../network/synthetic.ts";
import { LossFade } from "./loss_fade.ts";

/** A small model with segments, and one that is a stream. */
const SMALL = {
  ...modelSpec("encodec_24khz"),
  filters: 2,
  latent: 4,
  strides: [4, 2],
  codebooks: 2,
};
const STREAM = completeSpec({ ...SMALL, name: "stream" as ModelName });
const SEGMENTS = completeSpec({
  ...SMALL,
  name: "segments" as ModelName,
  segmentation: { length: 800, stride: 760 },
});

/** Decodes blocks of some frames each; the lost ones have no codes. */
async function decoded(spec: ModelSpec, frames: number, step: number, lost: number[]) {
  const blocks = Array.from({ length: 4 }, (_, i): CodeBlock => {
    const isLost = lost.includes(i);
    const codes = Uint16Array.from(
      { length: isLost ? 0 : frames * 2 },
      (_, j) => (j * 37 + i) % 1024,
    );
    const index = spec.segmentation ? i : i * frames;
    return { index, start: i * step, samples: frames * 8, frames, scale: 1, codes, isLost };
  });
  const header = { spec, samples: 3 * step + frames * 8, codebooks: 2 } as CodeSource["header"];
  const source = { header, units: 1e6, blocks: () => ReadableStream.from(blocks) };
  using decoder = await Decoder.open(spec, { weights: syntheticCheckpoint(spec), device: "cpu" });
  const parts = await Array.fromAsync(decoder.decode(source));
  return parts.flatMap(({ channels }) => [...channels[0]!]);
}

const peak = (audio: number[]) => Math.max(...audio.map(Math.abs));

for (
  const [spec, frames, step, fade] of [[STREAM, 100, 800, 8], [SEGMENTS, 100, 760, 40]] as const
) {
  Deno.test(`a lost block of a ${spec.name} fades to silence, and back`, async () => {
    const whole = await decoded(spec, frames, step, []);
    const holed = await decoded(spec, frames, step, [1, 2]);
    assert.equal(holed.length, whole.length);
    assert.deepEqual(holed.slice(0, step), whole.slice(0, step));
    assert.ok(peak(holed.slice(step, step + fade)) > 1e-4, "it fades out");
    assert.equal(peak(holed.slice(step + fade, 3 * step)), 0);
    const back = holed.slice(3 * step, 3 * step + fade);
    assert.ok(
      Math.abs(back[0]!) < peak(holed.slice(3 * step)) / 4 && peak(back) > 0,
      "it fades in",
    );
    assert.ok(peak(holed.slice(3 * step + fade)) > peak(whole) / 4, "it is back");
  });
}

Deno.test("fades fall and rise over one frame, and what follows is untouched", () => {
  const fade = new LossFade();
  const ones = (length: number) => [new Float32Array(length).fill(1)];
  const lost = { isLost: true, samples: 6 };
  assert.deepEqual(fade.push(ones(4), { samples: 4 }), ones(4));
  assert.deepEqual([...fade.push(ones(4), lost)[0]!], [0.875, 0.625, 0.375, 0.125, 0, 0]);
  assert.deepEqual([...fade.push(ones(4), lost)[0]!], [0, 0, 0, 0, 0, 0]);
  assert.deepEqual([...fade.push(ones(5), { samples: 5 })[0]!], [0.125, 0.375, 0.625, 0.875, 1]);
  assert.deepEqual(fade.push(ones(4), { samples: 4 }), ones(4));
});
