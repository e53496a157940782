import assert from "node:assert/strict";
import { FrameFitter, type Picture } from "./frame_fitter.ts";
import { ShapeRestorer } from "./shape_restorer.ts";

/** A wide picture, brighter to the right, fitted to a square and back. */
function restored(fit: "crop" | "pad" | "stretch", restorer = new ShapeRestorer()) {
  const [width, height] = [320, 180];
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    return 40 + 200 * (Math.floor(i / 3) % width) / width;
  });
  const fitter = new FrameFitter({ width: 64, height: 64, fit });
  const coded = { width: 64, height: 64, data: fitter.fit({ width, height, data }) };
  const { picture } = fitter;
  return { picture, frame: restorer.restore(picture ? { ...coded, picture } : coded) };
}

Deno.test("shape restorer: bars are cut, a stretched frame gets its shape back, a crop stays", () => {
  const shapes = (["pad", "stretch", "crop"] as const).map((fit) => {
    const { frame: { width, height, data } } = restored(fit);
    assert.equal(data.length, width * height * 3);
    assert(data[0]! > 30 && data.at(-1)! > data[0]! + 60, `${fit}: no bars, all of the picture`);
    return [width, height];
  });
  assert.deepEqual(shapes, [[64, 36], [114, 64], [64, 64]]);
});

Deno.test("shape restorer: what a window says of its picture", () => {
  const pictures = (["pad", "stretch", "crop"] as const).map((fit) => restored(fit).picture);
  const expected: (Picture | undefined)[] = [
    { fit: "pad", width: 64, height: 36 },
    { fit: "stretch", width: 1280, height: 720 },
    undefined,
  ];
  assert.deepEqual(pictures, expected);
});

Deno.test("shape restorer: all frames of an output have the size of the first", () => {
  const restorer = new ShapeRestorer();
  for (const fit of ["pad", "crop", "stretch", "pad"] as const) {
    const { frame: { width, height, data } } = restored(fit, restorer);
    assert.deepEqual([width, height, data.length], [64, 36, 64 * 36 * 3]);
  }
});

Deno.test("shape restorer: a frame is made longer, but not larger than any file needs", () => {
  const sizes = [[8, 16_384, 64], [16_384, 8, 1 / 64], [1024, 1024, 64], [1024, 512, 4]] as const;
  const restoredSizes = sizes.map(([width, height, aspect]) => {
    const data = new Uint8Array(width * height * 3);
    const [columns, rows] = aspect > 1 ? [aspect, 1] : [1, 1 / aspect];
    const picture: Picture = { fit: "stretch", width: columns, height: rows };
    const frame = new ShapeRestorer().restore({ width, height, data, picture });
    assert.equal(frame.data.length, frame.width * frame.height * 3);
    return [frame.width, frame.height];
  });
  assert.deepEqual(restoredSizes, [[512, 16_384], [16_384, 512], [8192, 1024], [2048, 512]]);
});
