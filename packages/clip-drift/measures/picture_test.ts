import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { align, moveBy, STILL, type Transform, warp } from "./alignment.ts";
import { bandsOf } from "./detail.ts";
import type { Grey } from "./grey.ts";
import { PictureMeasures, type PictureRow } from "./picture.ts";

const detailOf = (grey: Grey) => bandsOf(grey).detail;
const SIDE = { width: 128, height: 96 };
const next = random(5);
/** Patches of many sizes, as a room is made of. */
const PATCHES = Array.from({ length: 220 }, () => ({
  ...{ x: 240 * next() - 56, y: 200 * next() - 52, width: 3 + 22 * next() ** 2 },
  ...{ height: 3 + 22 * next() ** 2, level: 30 + 200 * next() },
}));

/** The room as a camera sees it that was moved; each pixel is a mean of nine points. */
function room(transform: Transform = STILL, light = (level: number) => level): Grey {
  const { zoom, angle, x, y } = transform;
  const [c, s] = [Math.cos(angle) / zoom, Math.sin(angle) / zoom];
  const level = (px: number, py: number) => {
    const [dx, dy] = [px - 63.5 - x, py - 47.5 - y];
    const [sx, sy] = [c * dx + s * dy + 63.5, c * dy - s * dx + 47.5];
    const patch = PATCHES.findLast((p) =>
      sx >= p.x && sx < p.x + p.width && sy >= p.y && sy < p.y + p.height
    );
    return light(patch?.level ?? 110);
  };
  const data = Float32Array.from({ length: SIDE.width * SIDE.height }, (_, i) => {
    const [px, py] = [i % SIDE.width, Math.floor(i / SIDE.width)];
    let sum = 0;
    for (let k = 0; k < 9; k++) {
      sum += level(px + (k % 3 - 1) / 3, py + (Math.floor(k / 3) - 1) / 3);
    }
    return sum / 9;
  });
  return { ...SIDE, data };
}

const noisy = ({ data, ...size }: Grey): Grey => ({
  ...size,
  data: data.map((v) => Math.max(0, v + 3 * (next() - 0.5))),
});

const degrees = (angle: number) => angle * Math.PI / 180;
const MOVES: readonly (readonly [string, Transform])[] = [
  ["shift", { ...STILL, x: 6.4, y: -3 }],
  ["far shift", { ...STILL, x: -12.8 }],
  ["small rotation", { ...STILL, angle: degrees(2) }],
  ["rotation", { ...STILL, angle: degrees(-5) }],
  ["zoom in", { ...STILL, zoom: 1.1 }],
  ["far zoom", { ...STILL, zoom: 1.3 }],
  ["zoom out", { ...STILL, zoom: 0.8 }],
];

const ROOM = room();
const REFERENCE = detailOf(noisy(ROOM));

for (const [name, move] of MOVES) {
  Deno.test(`align() finds a ${name}`, () => {
    const found = align(REFERENCE, detailOf(noisy(room(move))));
    assert.ok(found !== undefined);
    for (const [x, y] of [[0, 0], [-50, -35], [50, 35]] as const) {
      const [[ax, ay], [bx, by]] = [moveBy(found, x, y), moveBy(move, x, y)];
      // A hundredth of the width.
      assert.ok(Math.hypot(ax - bx, ay - by) < 1.28, `${name}: ${JSON.stringify(found)}`);
    }
  });
}

Deno.test("warp() shows a picture as a moved camera would, and nothing where it saw nothing", () => {
  const move = { ...STILL, x: 6, y: -3 };
  const [warped, seen] = [warp(ROOM, move), room(move)];
  const both = [...warped.data.keys()].filter((i) => !Number.isNaN(warped.data[i]!));
  assert.equal(both.length, (SIDE.width - 6) * (SIDE.height - 3));
  const error = both.reduce((sum, i) => sum + Math.abs(warped.data[i]! - seen.data[i]!), 0);
  assert.ok(error / both.length < 1);
});

/** A person, or a car, in front of a part of the picture. */
function behind(share: number): Grey {
  const data = ROOM.data.map((v, i) => i % SIDE.width < share * SIDE.width ? 60 + i % 7 * 9 : v);
  return { ...SIDE, data };
}

Deno.test("align() takes somebody in front of the camera for no move", () => {
  const found = align(REFERENCE, detailOf(noisy(behind(0.35))));
  assert.ok(found !== undefined && Math.hypot(found.x, found.y) < 0.5, JSON.stringify(found));
  assert.equal(align(REFERENCE, detailOf(noisy(behind(0.9)))), undefined);
});

Deno.test("align() takes what most of the picture does for the camera's move", () => {
  const moving = room({ ...STILL, x: 2.5 });
  const data = ROOM.data.map((v, i) => i % SIDE.width < 0.65 * SIDE.width ? v : moving.data[i]!);
  const found = align(REFERENCE, detailOf(noisy({ ...SIDE, data })));
  assert.ok(found !== undefined && Math.hypot(found.x, found.y) < 0.5, JSON.stringify(found));
});

/** The row of a picture that comes after five seconds of the room, in pixels of a camera of 640. */
function after(picture: Grey): PictureRow {
  const measures = new PictureMeasures();
  for (let tick = 0; tick < 10; tick++) measures.push(noisy(ROOM), 640, tick / 2);
  return measures.push(noisy(picture), 640, 5);
}

/** A picture out of focus. */
function blurred({ data, ...size }: Grey): Grey {
  const at = (x: number, y: number) =>
    data[Math.max(0, Math.min(95, y)) * 128 + Math.max(0, Math.min(127, x))]!;
  const means = data.map((_, i) => {
    let sum = 0;
    for (let k = 0; k < 25; k++) sum += at(i % 128 + k % 5 - 2, (i >> 7) + Math.floor(k / 5) - 2);
    return sum / 25;
  });
  return { ...size, data: means };
}

Deno.test("PictureMeasures sees a camera that was moved, in its pixels and degrees", () => {
  const shift = after(room({ ...STILL, x: 6 }));
  assert.ok(Math.abs(shift.moved! - 30) < 2, `${shift.moved}`);
  const turn = after(room({ ...STILL, angle: degrees(3) }));
  assert.ok(Math.abs(turn.turned! - 3) < 0.3, `${turn.turned}`);
});

Deno.test("PictureMeasures sees what is dark, covered and out of focus, each by its own measure", () => {
  const flat = { ...SIDE, data: new Float32Array(128 * 96).fill(90) };
  const rows = {
    same: after(ROOM),
    dark: after(room(STILL, (level) => level / 20)),
    covered: after(flat),
    blurred: after(blurred(ROOM)),
    brighter: after(room(STILL, (level) => 255 * (level / 255) ** 0.6)),
    dimmer: after(room(STILL, (level) => level / 2)),
  };
  for (const [name, { dark, covered, blurred, moved }] of Object.entries(rows)) {
    assert.equal(dark > 0.5, name === "dark", `${name}: dark ${dark}`);
    if (name !== "dark") assert.equal(covered! > 0.6, name === "covered", `${name}: ${covered}`);
    if (name !== "dark") assert.equal(blurred! > 0.5, name === "blurred", `${name}: ${blurred}`);
    assert.ok(moved === undefined || moved < 3, `${name}: moved ${moved}`);
  }
});

Deno.test("PictureMeasures takes far defocus for no cover, and a move that it cannot place for no defocus", () => {
  let soft = ROOM;
  for (let i = 0; i < 4; i++) soft = blurred(soft);
  const far = after(soft);
  assert.ok(far.blurred! > 0.8 && far.covered! < 0.3, JSON.stringify(far));
  // Rotated by more than is looked for, about a point that stays in its place.
  const turned = after(room({ ...STILL, angle: degrees(14) }));
  assert.equal(turned.moved, undefined);
  assert.ok((turned.blurred ?? 0) < 0.5, JSON.stringify(turned));
});

Deno.test("PictureMeasures has no reference of a camera that never stands still", () => {
  const measures = new PictureMeasures();
  for (let tick = 0; tick < 12; tick++) {
    const row = measures.push(warp(ROOM, { ...STILL, x: tick % 4 * 3 }), 640, tick / 2);
    assert.deepEqual([row.moved, row.covered], [undefined, undefined]);
  }
});

Deno.test("PictureMeasures looks twice a second, begins anew with another size, and at a clock set back", () => {
  const measures = new PictureMeasures();
  const first = measures.push(ROOM, 640, 100);
  assert.equal(measures.push(ROOM, 640, 100.4), first);
  assert.notEqual(measures.push(ROOM, 640, 100.5), first);
  assert.notEqual(measures.push(ROOM, 640, 50), first);
  const small = { width: 64, height: 48, data: new Float32Array(64 * 48).fill(9) };
  assert.equal(measures.push(small, 64, 51).moved, undefined);
});

Deno.test("PictureMeasures looks only at pixels that count", () => {
  const counted = Uint8Array.from(ROOM.data, (_, i) => Number(i % 128 < 80));
  const light = ROOM.data.map((v, i) => counted[i] ? v / 20 : 255);
  const moved = room({ ...STILL, x: 6 });
  const other = moved.data.map((v, i) => counted[i] ? v : 60 + i % 7 * 9);
  const [dark, shift] = [light, other].map((data) => {
    const measures = new PictureMeasures();
    for (let tick = 0; tick < 10; tick++) measures.push(noisy(ROOM), 640, tick / 2, counted);
    return measures.push({ ...SIDE, data }, 640, 5, counted);
  });
  assert.ok(dark!.dark > 0.5, `${dark!.dark}`);
  assert.ok(Math.abs(shift!.moved! - 30) < 3, `${shift!.moved}`);
  assert.equal(after({ ...SIDE, data: light }).dark, 0);
});
