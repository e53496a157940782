import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { deviation, LEAST_DEVIATION, mean, smallGrey } from "./grey.ts";
import { drawScene } from "../camera/scene.ts";

const grey = (width: number, height: number, value: (i: number) => number) =>
  smallGrey({
    ...{ width, height },
    data: Uint8Array.from({ length: 3 * width * height }, (_, i) => value(Math.floor(i / 3))),
  });

Deno.test("smallGrey() averages every pixel once, whatever the size", () => {
  for (const [width, height] of [[1, 1], [300, 7], [257, 999], [640, 480]] as const) {
    const small = grey(width, height, () => 100);
    assert.ok(small.width <= 128 && small.height <= 128);
    assert.equal(small.data.length, small.width * small.height);
    assert.ok(small.data.every((x) => Math.abs(x - 100) < 1e-3));
  }
  const halves = grey(256, 256, (i) => i % 256 < 128 ? 0 : 200);
  assert.ok(Math.abs(mean(halves) - 100) < 1e-3);
  assert.ok(Math.abs(deviation(halves) - 100) < 1e-3);
});

Deno.test("noise of one colour is no content, and a scene is some", () => {
  const next = random(1);
  const noise = grey(640, 480, () => 12 + Math.floor(9 * next()));
  assert.ok(deviation(noise) < LEAST_DEVIATION);
  assert.ok(deviation(smallGrey(drawScene("quay", 0, 640, 480))) > 10 * LEAST_DEVIATION);
});
