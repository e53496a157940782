import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { TINY_MARGINS } from "./graph.ts";
import { tilesOf } from "./tiles.ts";
import { openTinyDecoder, openTinyEncoder } from "./tokenizer.ts";

Deno.test("tiles: a frame up to the limit is one tile", () => {
  for (const [height, width] of [[16, 16], [64, 64], [32, 128], [4, 1024]] as const) {
    const tiles = tilesOf(height, width, 12);
    assert.deepEqual([tiles.height, tiles.width], [height, width]);
    assert.deepEqual(tiles.down, [{ at: 0, from: 0, to: height }]);
    assert.deepEqual(tiles.across, [{ at: 0, from: 0, to: width }]);
  }
});

Deno.test("tiles: every place is kept once, with its margin or the frame's edge around it", () => {
  const next = random(7);
  for (let i = 0; i < 300; i++) {
    const [height, width] = [1 + Math.floor(next() * 200), 1 + Math.floor(next() * 200)];
    const margin = 1 + Math.floor(next() * 12);
    const most = (2 * margin + 1 + Math.floor(next() * 40)) ** 2;
    const tiles = tilesOf(height, width, margin, most);
    assert(tiles.height * tiles.width <= most);
    for (
      const [stretches, side, length] of [
        [tiles.down, tiles.height, height],
        [tiles.across, tiles.width, width],
      ] as const
    ) {
      let kept = 0;
      for (const { at, from, to } of stretches) {
        assert.equal(from, kept);
        assert(at >= 0 && at + side <= length);
        assert(at === 0 || from - at >= margin);
        assert(at + side === length || at + side - to >= margin);
        kept = to;
      }
      assert.equal(kept, length);
    }
  }
});

Deno.test("tiles: 1024x1024 is cut into six tiles, at 1.42 times the work of the whole", () => {
  const { height, width, down, across } = tilesOf(128, 128, TINY_MARGINS.encoder);
  assert.deepEqual([height, width, down.length, across.length], [54, 72, 3, 2]);
  assert.deepEqual(down, [
    { at: 0, from: 0, to: 46 },
    { at: 38, from: 46, to: 82 },
    { at: 74, from: 82, to: 128 },
  ]);
  assert.throws(() => tilesOf(100, 100, 12, 500), {
    message: "Cannot cut a frame into tiles: found 500 positions at most, expected 625 or more",
  });
});

Deno.test("tiles: vq-tiny makes of tiles what it makes of the whole frame, to its last rounding", async () => {
  assert.deepEqual(TINY_MARGINS, { encoder: 8, decoder: 12 });
  const size = { height: 232, width: 216 };
  for (const margin of Object.values(TINY_MARGINS)) {
    const { down, across } = tilesOf(29, 27, margin, 700);
    assert(down.length * across.length > 1);
  }
  const tiled = { device: "cpu", tilePositions: 700 };
  using encoder = await openTinyEncoder({ device: "cpu" });
  using tileEncoder = await openTinyEncoder(tiled);
  using decoder = await openTinyDecoder({ device: "cpu" });
  using tileDecoder = await openTinyDecoder(tiled);
  const next = random(3);
  const data = Uint8Array.from({ length: 17 * size.height * size.width * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % size.width;
    return 128 + 60 * Math.sin(x / 9 + i / 3e5) + 60 * next();
  });
  const clip = { frameCount: 17, ...size, data };
  const [whole, tiles] = [await encoder.encode(clip), await tileEncoder.encode(clip)];
  assert.deepEqual(tiles.shape, whole.shape);
  // Signs of sums that are all but zero may turn with the order in which they are added.
  const other = whole.packed.filter((byte, i) => byte !== tiles.packed[i]).length;
  assert(other < whole.packed.length / 1000, `${other} of ${whole.packed.length} bytes differ`);

  const [all, parts] = [await decoder.decode(whole), await tileDecoder.decode(whole)];
  assert.deepEqual([parts.height, parts.width, parts.frameCount], [232, 216, 17]);
  const furthest = all.data.reduce((most, v, i) => Math.max(most, Math.abs(v - parts.data[i]!)), 0);
  assert(furthest <= 1, `a byte differs by ${furthest}`);
});
