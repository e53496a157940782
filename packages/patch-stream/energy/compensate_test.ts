import { random } from "#testing/fuzz.ts";
import assert from "node:assert/strict";
import { NO_CHANGE } from "./camera_fit.ts";
import { compensate, findChange } from "./compensate.ts";

const SIZE = { width: 160, height: 90 };

/** A picture of soft spots, looked at through an affine motion and a light. */
function picture(
  place: (x: number, y: number) => readonly [number, number] = (x, y) => [x, y],
  [gain, offset]: readonly [number, number] = [1, 0],
): Uint8Array {
  const next = random(21);
  const spots = Array.from({ length: 300 }, () =>
    [
      ...[400 * next() - 200, 300 * next() - 150] as const,
      ...[3 + 6 * next(), 90 * next() - 45] as const,
    ] as const);
  return Uint8Array.from({ length: SIZE.width * SIZE.height }, (_, n) => {
    const [x, y] = place(n % 160 - 80, Math.floor(n / 160) - 45);
    const luma = spots.reduce((sum, [u, v, radius, height]) => {
      const far = ((x - u) ** 2 + (y - v) ** 2) / radius ** 2;
      return far > 12 ? sum : sum + height * Math.exp(-far / 2);
    }, 110);
    return Math.min(255, Math.max(0, Math.round(gain * luma + offset)));
  });
}

const plane = (data: Uint8Array) => ({ ...SIZE, data: Float32Array.from(data) });
const change = (current: Uint8Array, previous: Uint8Array) =>
  findChange(plane(current), plane(previous));
const near = (found: number, expected: number, by: number) =>
  assert.ok(Math.abs(found - expected) < by, `found ${found}, expected ${expected}`);

/** Puts a bright square into a picture. */
function withSquare(data: Uint8Array, left: number): Uint8Array {
  for (let row = 30; row < 55; row++) data.fill(250, row * 160 + left, row * 160 + left + 25);
  return data;
}

Deno.test("a pan is found, whatever the square in it does", () => {
  for (const [dx, dy] of [[21.5, -3.25], [-48, 10]] as const) {
    const now = withSquare(picture((x, y) => [x + dx, y + dy]), 20);
    const found = change(now, withSquare(picture(), 90));
    near(found.dx, dx, 0.2);
    near(found.dy, dy, 0.2);
    near(found.gain, 1, 0.03);
  }
});

Deno.test("a zoom and a turn are found", () => {
  const [a, b] = [1.06 * Math.cos(0.05), 1.06 * Math.sin(0.05)];
  const { dx, dy, linear } = change(
    picture((x, y) => [a * x - b * y + 4, b * x + a * y - 2]),
    picture(),
  );
  near(dx, 4, 0.2);
  near(dy, -2, 0.2);
  [a - 1, -b, b, a - 1].forEach((part, n) => near(linear[n]!, part, 0.005));
});

Deno.test("a change of light is found, under a pan too", () => {
  for (const shift of [0, 18]) {
    for (const [gain, offset] of [[0.5, 20], [1.2, -15], [1, 40]] as const) {
      const found = change(picture((x, y) => [x + shift, y], [gain, offset]), picture());
      near(found.dx, shift, 0.3);
      near(found.gain, gain, 0.05);
      near(found.offset, offset, 6);
    }
  }
});

Deno.test("an object that moves over a flat or a still ground is no camera", () => {
  const next = random(8);
  const flat = (left: number, noise = 0) => {
    const data = Uint8Array.from({ length: 160 * 90 }, () => 90 + noise * next());
    const texture = picture();
    for (let row = 30; row < 60; row++) {
      for (let n = 0; n < 30; n++) data[row * 160 + left + n] = texture[row * 160 + n]!;
    }
    return data;
  };
  assert.equal(change(flat(40), flat(20)), NO_CHANGE);
  assert.equal(change(flat(40, 8), flat(20, 8)), NO_CHANGE);
  assert.equal(change(withSquare(picture(), 40), withSquare(picture(), 20)), NO_CHANGE);
  const before = withSquare(picture(), 20);
  assert.equal(compensate(withSquare(picture(), 40), before, SIZE), before);
});

Deno.test("another scene is no motion, and small pictures are left alone", () => {
  const next = random(5);
  const noise = () => Uint8Array.from({ length: 160 * 90 }, () => 256 * next());
  assert.equal(change(noise(), noise()), NO_CHANGE);
  assert.equal(change(picture((x, y) => [y - 110, x + 60]), picture()), NO_CHANGE);
  const small = { width: 15, height: 15 };
  const data = (luma: number) => Float32Array.from({ length: 225 }, () => luma);
  assert.equal(findChange({ ...small, data: data(9) }, { ...small, data: data(200) }), NO_CHANGE);
});

Deno.test("the picture before comes into place; beyond its edge the current one stands", () => {
  const now = picture((x, y) => [x + 20, y], [0.8, 10]);
  const before = compensate(now, picture(), SIZE);
  const off = now.map((luma, n) => Math.abs(luma - before[n]!));
  assert.ok(off.reduce((sum, d) => sum + d, 0) / off.length < 1);
  now.forEach((luma, n) => n % 160 >= 141 && assert.equal(before[n], luma));
});
