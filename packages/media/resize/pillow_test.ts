import { sharedPath, sharedTest } from "#testing/shared.ts";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { decodeImage } from "../image.ts";
import { PillowBicubic } from "./pillow.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

interface Golden {
  name: string;
  sha256: string;
  input_sha256: string;
  source: [number, number];
  resized: [number, number];
  top: number;
  left: number;
}

/** Pixel (x, y) of the synthetic images that the golden file names by formula. */
const PATTERNS: Record<string, (x: number, y: number, w: number, h: number) => number[]> = {
  edges: (x, y) => (Math.floor(y / 3) + Math.floor(x / 5)) % 2 === 1 ? [255, 0, 255] : [0, 255, 0],
  ramp: (x, y, w, h) => [
    Math.floor(255 * x / (w - 1)),
    Math.floor(255 * y / (h - 1)),
    (x + y) % 256,
  ],
};

function noise(length: number, seed: number): Uint8Array {
  let s = seed;
  return Uint8Array.from({ length }, () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s >>> 24;
  });
}

function synthetic(name: string, [width, height]: [number, number]): Uint8Array {
  const pattern = PATTERNS[name.split(".")[1]!];
  if (pattern === undefined) return noise(width * height * 3, width * 65536 + height);
  const data = new Uint8Array(width * height * 3);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) data.set(pattern(x, y, width, height), at);
  }
  return data;
}

/** A centre crop of 224 pixels, as the golden file places it in the resized image. */
function resize({ source, resized, left, top }: Golden, data: Uint8Array): Uint8Array {
  const [from, to] = [source, resized].map(([width, height]) => ({ width, height })) as [
    { width: number; height: number },
    { width: number; height: number },
  ];
  const out = new Uint8Array(224 * 224 * 3);
  new PillowBicubic(from, to, { left, top, width: 224, height: 224 }).resize(data, out);
  return out;
}

sharedTest("PillowBicubic gives Pillow's bytes for images made by formula", async (t) => {
  const text = await Deno.readTextFile(sharedPath("golden/clip/resize.json"));
  const goldens = (JSON.parse(text) as { synthetic: Golden[] }).synthetic;
  assert.ok(goldens.length > 3);
  for (const golden of goldens) {
    await t.step(golden.name, () => {
      const data = synthetic(golden.name, golden.source);
      assert.equal(sha256(data), golden.input_sha256);
      assert.equal(sha256(resize(golden, data)), golden.sha256);
    });
  }
});

sharedTest("PillowBicubic gives Pillow's bytes for real images", async (t) => {
  const text = await Deno.readTextFile(sharedPath("golden/clip/resize.json"));
  const goldens = (JSON.parse(text) as { images: (Golden & { file: string })[] }).images;
  assert.ok(goldens.length > 10);
  for (const golden of goldens) {
    await t.step(golden.name, async () => {
      const image = await decodeImage(await Deno.readFile(sharedPath(golden.file)));
      assert.deepEqual([image.width, image.height], golden.source);
      assert.equal(sha256(resize(golden, image.data)), golden.sha256);
    });
  }
});

Deno.test("PillowBicubic: a window is what it shows of the whole", () => {
  const from = { width: 41, height: 27 };
  const data = noise(41 * 27 * 3, 3);
  for (const to of [{ width: 19, height: 14 }, { width: 90, height: 70 }]) {
    const whole = new Uint8Array(to.width * to.height * 3);
    new PillowBicubic(from, to, { left: 0, top: 0, ...to }).resize(data, whole);
    const window = { left: 8, top: 5, width: 11, height: 9 };
    const out = new Uint8Array(11 * 9 * 3);
    new PillowBicubic(from, to, window).resize(data, out);
    for (let y = 0; y < 9; y++) {
      const at = ((5 + y) * to.width + 8) * 3;
      assert.deepEqual(out.subarray(y * 33, (y + 1) * 33), whole.subarray(at, at + 33));
    }
  }
});
