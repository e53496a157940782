import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { decodeImage } from "@vcs/media/image";
import { sharedPath, sharedTest } from "#testing/shared.ts";
import { cropBox, pixelValues, resizeCrop } from "./preprocess.ts";

interface Golden {
  source: [number, number];
  resized: [number, number];
  top: number;
  left: number;
  sha256: string;
}

sharedTest("cropBox() places the crop as torchvision does", async () => {
  const text = await Deno.readTextFile(sharedPath("golden/clip/resize.json"));
  const { synthetic, images } = JSON.parse(text) as Record<"synthetic" | "images", Golden[]>;
  for (const { source, resized, top, left } of [...synthetic, ...images]) {
    const box = cropBox(...source, 224);
    assert.deepEqual([box.width, box.height, box.top, box.left], [...resized, top, left]);
  }
});

sharedTest("resizeCrop() gives Pillow's bytes", async () => {
  const text = await Deno.readTextFile(sharedPath("golden/clip/resize.json"));
  const { images } = JSON.parse(text) as { images: (Golden & { file: string })[] };
  for (const { file, sha256 } of images.slice(0, 4)) {
    const image = await decodeImage(await Deno.readFile(sharedPath(file)));
    const bytes = resizeCrop(image, 224);
    assert.equal(createHash("sha256").update(bytes).digest("hex"), sha256);
  }
});

sharedTest("a JPEG becomes the input that published embeddings were made of", async (t) => {
  for (const name of ["123_456", "208_495", "416_264", "456_123"]) {
    await t.step(name, async () => {
      const path = sharedPath(`data/clip_golden/${name}`);
      const bytes = await Deno.readFile(`${path}.pixel_values.f32`);
      const golden = new Float32Array(bytes.buffer);
      const image = await decodeImage(await Deno.readFile(`${path}.jpg`));
      const values = pixelValues(resizeCrop(image, 224));
      const most = values.reduce((m, x, i) => Math.max(m, Math.abs(x - golden[i]!)), 0);
      assert.ok(most <= 1e-6, `differs by ${most}`);
    });
  }
});

sharedTest("a webcam's JPEG without Huffman tables decodes", async () => {
  const path = sharedPath("data/mjpeg/uvc_frame_no_huffman_tables.mjpeg");
  const { width, height, data } = await decodeImage(await Deno.readFile(path));
  assert.deepEqual([width, height], [640, 480]);
  const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
  assert.ok(mean > 30 && mean < 225, `mean level ${mean}`);
});

Deno.test("cropBox() rounds the offset half to even and keeps a fitting side", () => {
  assert.deepEqual(cropBox(299, 224, 224), { width: 299, height: 224, left: 38, top: 0 });
  assert.deepEqual(cropBox(1280, 720, 224), { width: 398, height: 224, left: 87, top: 0 });
  assert.deepEqual(cropBox(640, 480, 336), { width: 448, height: 336, left: 56, top: 0 });
});

Deno.test("resizeCrop() enlarges images of one pixel and of one row", () => {
  const dot = resizeCrop({ width: 1, height: 1, data: Uint8Array.of(9, 8, 7) }, 224);
  assert.deepEqual([dot[0], dot[1], dot[dot.length - 1]], [9, 8, 7]);
  const row = resizeCrop({ width: 50, height: 1, data: new Uint8Array(150).fill(77) }, 32);
  assert.ok(row.every((x) => x === 77));
});

Deno.test("resizeCrop() leaves an image of the right size as it is", () => {
  const data = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * i) >> 3);
  assert.deepEqual(resizeCrop({ width: 32, height: 32, data }, 32), data);
});

Deno.test("resizeCrop() refuses data that is not the image's size", () => {
  const data = new Uint8Array(10);
  assert.throws(() => resizeCrop({ width: 2, height: 2, data }, 224), {
    name: "RangeError",
    message:
      "Cannot resize an image of 2x2: found 10 bytes, expected 12 of shape [height, width, 3]",
  });
  assert.throws(() => resizeCrop({ width: 0, height: 0, data: new Uint8Array() }, 224), RangeError);
  assert.throws(
    () => resizeCrop({ width: 1, height: 1, data: new Uint8Array(3) }, 0.5),
    RangeError,
  );
});

Deno.test("pixelValues() is planar, minus the mean, over the deviation", () => {
  const values = pixelValues(Uint8Array.of(0, 128, 255, 255, 0, 1));
  assert.equal(values.length, 6);
  assert.ok(Math.abs(values[0]! - -1.7922626) < 1e-6);
  assert.ok(Math.abs(values[1]! - 1.9303361) < 1e-6);
  assert.ok(Math.abs(values[4]! - 2.145897) < 1e-6);
});
