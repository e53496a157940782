import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { VideoVqError } from "../errors.ts";
import { FrameFitter, type RgbImage } from "./frame_fitter.ts";

/** An image of noise, the same as in the Python script that made the checksums. */
function noise(width: number, height: number): RgbImage {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    let bits = Math.imul(i, 2654435761);
    bits = Math.imul(bits ^ (bits >>> 15), 2246822519);
    return (bits ^ (bits >>> 13)) & 255;
  });
  return { width, height, data };
}

/** CRC32 of OpenCV 5.0.0's cv2.resize(…, INTER_LINEAR): short side to 128 and centre crop. */
const OPENCV = [
  [320, 240, 0x8b47147a],
  [1920, 1080, 0x48df558d],
  [176, 144, 0x2863deae],
  [640, 360, 0xe3dd3c65],
  [100, 60, 0x457fc7c2],
  [64, 64, 0x3e51838f],
  [321, 181, 0x2c67e5c4],
  [128, 128, 0x4d2d0777],
  [128, 300, 0x851cbcaf],
  [256, 256, 0xaf6eb732],
  [1080, 1920, 0x734c88fa],
  [1, 1, 0xee7b315a],
  [7, 129, 0x524abde6],
  [129, 7, 0xa1918761],
  [2400, 1080, 0x92508f78],
] as const;

Deno.test("frame fitter: a crop equals the centre of OpenCV's resize, bit for bit", () => {
  for (const [width, height, cropped] of OPENCV) {
    const crop = new FrameFitter({ width: 128, height: 128 }).fit(noise(width, height));
    assert.equal(crc32(crop), cropped, `crop of ${width}x${height}`);
  }
});

Deno.test("frame fitter: stretch scales each side independently", () => {
  const fitter = new FrameFitter({ width: 72, height: 40, fit: "stretch" });
  assert.equal(crc32(fitter.fit(noise(320, 240))), 0x7b04489b);
});

Deno.test("frame fitter: pad keeps the image between black bars", () => {
  const white = { width: 200, height: 100, data: new Uint8Array(200 * 100 * 3).fill(255) };
  const out = new FrameFitter({ width: 64, height: 64, fit: "pad" }).fit(white);
  const rows = Array.from({ length: 64 }, (_, y) => out[(y * 64 + 32) * 3]);
  assert.deepEqual(rows, [...Array(16).fill(0), ...Array(32).fill(255), ...Array(16).fill(0)]);
});

Deno.test("frame fitter: a seed moves the crop, the same seed to the same place", () => {
  const image = noise(500, 128);
  const cut = (cropSeed?: number) =>
    crc32(new FrameFitter({ width: 128, height: 128, cropSeed }).fit(image));
  assert.equal(cut(7), cut(7));
  assert.equal(new Set([cut(), ...Array.from({ length: 9 }, (_, i) => cut(i))]).size, 10);
});

Deno.test("frame fitter: a clip may change its size", () => {
  const fitter = new FrameFitter({ width: 128, height: 128 });
  assert.equal(crc32(fitter.fit(noise(320, 240))), OPENCV[0][2]);
  assert.equal(crc32(fitter.fit(noise(176, 144))), OPENCV[2][2]);
});

Deno.test("frame fitter: refuses frames without their pixels", () => {
  const fitter = new FrameFitter({ width: 128, height: 128 });
  for (const bad of [{ width: 0, height: 0 }, { width: 4, height: 4 }]) {
    assert.throws(() => fitter.fit({ ...bad, data: new Uint8Array(0) }), VideoVqError);
  }
});

/** A circle as a picture whose pixels are twice as wide as high, or a half, shows it. */
function circle(width: number, height: number, pixelAspect: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [across, down] = [(x + 0.5 - width / 2) * pixelAspect, y + 0.5 - height / 2];
      if (Math.hypot(across, down) < 20) {
        data.fill(255, (y * width + x) * 3, (y * width + x + 1) * 3);
      }
    }
  }
  return { width, height, data, pixelAspect };
}

/** Columns and rows of what is bright. */
function extent(data: Uint8Array, width: number): [columns: number, rows: number] {
  const bright = Array.from(data, (v, i) => v > 127 ? Math.floor(i / 3) : -1).filter((i) => i >= 0);
  return [
    new Set(bright.map((i) => i % width)).size,
    new Set(bright.map((i) => Math.floor(i / width))).size,
  ];
}

Deno.test("frame fitter: a circle stays one, whatever the shape of pixels", () => {
  for (const [width, height, pixelAspect] of [[40, 60, 2], [160, 50, 0.5], [64, 64, 1]] as const) {
    for (const fit of ["crop", "pad"] as const) {
      const fitter = new FrameFitter({ width: 64, height: 64, fit });
      const [columns, rows] = extent(fitter.fit(circle(width, height, pixelAspect)), 64);
      assert(Math.abs(columns - rows) <= 2, `${fit} ${pixelAspect}: ${columns}x${rows}`);
    }
  }
});

Deno.test("frame fitter: by area a fine pattern becomes its mean, not another pattern", () => {
  const [width, height] = [1500, 900];
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    return (Math.floor(i / 3) % width + Math.floor(i / 3 / width)) % 2 * 200;
  });
  const size = { width: 128, height: 128 };
  const extremes = (resize: "area" | "opencv") => {
    const out = new FrameFitter({ ...size, resize }).fit({ width, height, data });
    return [Math.min(...out), Math.max(...out)] as const;
  };
  const [darkest, brightest] = extremes("area");
  assert(darkest >= 95 && brightest <= 105, `${darkest} to ${brightest}`);
  const [low, high] = extremes("opencv");
  assert(high - low > 100, `${low} to ${high}`);
});

Deno.test("frame fitter: by area there are bars with pad, too, and small images grow", () => {
  const white = { width: 200, height: 100, data: new Uint8Array(200 * 100 * 3).fill(255) };
  const size = { width: 64, height: 64, resize: "area" } as const;
  const out = new FrameFitter({ ...size, fit: "pad" }).fit(white);
  const rows = Array.from({ length: 64 }, (_, y) => out[(y * 64 + 32) * 3]);
  assert.deepEqual(rows, [...Array(16).fill(0), ...Array(32).fill(255), ...Array(16).fill(0)]);
  const grown = new FrameFitter(size).fit({
    width: 2,
    height: 2,
    data: new Uint8Array(12).fill(9),
  });
  assert.deepEqual(grown, new Uint8Array(64 * 64 * 3).fill(9));
});
