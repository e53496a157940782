import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { modelSpec } from "../models.ts";
import {
  bodyBytes,
  chunkFrames,
  framesFor,
  mayBeShortByOne,
  segmentCount,
  segmentPlace,
} from "./segments.ts";

const stereo = modelSpec("encodec_48khz");
const mono = modelSpec("encodec_24khz");

Deno.test("framesFor() rounds up to whole frames", () => {
  const lengths = [1, 319, 320, 321, 47520, 47521, 47680, 47681, 48000];
  assert.deepEqual(lengths.map((samples) => framesFor(mono, samples)), [
    1,
    1,
    1,
    2,
    149,
    149,
    149,
    150,
    150,
  ]);
});

Deno.test("audio is cut into segments at multiples of 47,520 samples", () => {
  const frames = (samples: number) =>
    Array.from(
      { length: segmentCount(stereo, samples) },
      (_, k) => segmentPlace({ spec: stereo, samples, codebooks: 2 }, k).frames,
    );
  assert.deepEqual(frames(0), []);
  assert.deepEqual(frames(47520), [149]);
  assert.deepEqual(frames(47521), [149, 1]);
  assert.deepEqual(frames(47681), [150, 1]);
  assert.deepEqual(frames(48000), [150, 2]);
  assert.deepEqual(frames(95040), [150, 149]);
  assert.deepEqual(frames(95041), [150, 149, 1]);
});

Deno.test("a full segment takes the published number of bytes", () => {
  const bytes = (codebooks: number) =>
    segmentPlace({ spec: stereo, samples: 200000, codebooks }, 0).bytes;
  assert.deepEqual([2, 4, 8, 16].map(bytes), [379, 754, 1504, 3004]);
});

Deno.test("offsets equal the sum of the sizes before them, for any length", () => {
  const next = random(7);
  for (let i = 0; i < 300; i++) {
    const samples = 1 + Math.floor(next() * 300000);
    const codebooks = 1 + Math.floor(next() * 16);
    const extent = { spec: stereo, samples, codebooks };
    let offset = 0;
    for (let k = 0; k < segmentCount(stereo, samples); k++) {
      const place = segmentPlace(extent, k);
      assert.equal(place.offset, offset);
      assert.equal(place.bytes, 4 + Math.ceil(Math.ceil(place.samples / 320) * codebooks * 10 / 8));
      offset += place.bytes;
    }
    assert.equal(bodyBytes(extent), offset);
  }
});

Deno.test("24 kHz audio is one segment without a scale", () => {
  const extent = { spec: mono, samples: 72000, codebooks: 8 };
  assert.equal(segmentCount(mono, 72000), 1);
  assert.equal(segmentCount(mono, 0), 0);
  assert.equal(bodyBytes(extent), 2250);
  assert.throws(() => segmentPlace(extent, 1), RangeError);
});

Deno.test("only two codebooks with 149 frames before the end can be short by one byte", () => {
  const short: string[] = [];
  for (let codebooks = 2; codebooks <= 16; codebooks *= 2) {
    for (let samples = 47521; samples < 47521 + 47520; samples += 79) {
      const extent = { spec: stereo, samples, codebooks, version: 193 as const };
      if (!mayBeShortByOne(extent)) continue;
      short.push(`${codebooks}:${segmentPlace(extent, 0).frames}`);
      assert.equal(mayBeShortByOne({ ...extent, version: 0 }), false);
    }
  }
  assert.deepEqual([...new Set(short)], ["2:149"]);
});

Deno.test("chunkFrames() rounds up to fours and refuses less than a frame", () => {
  assert.deepEqual([1, 4, 5, 76].map((wanted) => chunkFrames(mono, wanted, 0)), [4, 4, 8, 76]);
  assert.equal(chunkFrames(mono, (frame) => frame + 1, 8), 12);
  for (const wanted of [0, -4, NaN]) {
    assert.throws(() => chunkFrames(mono, wanted, 0), { name: "RangeError" });
    assert.throws(() => chunkFrames(mono, () => wanted, 0), { name: "RangeError" });
  }
});
