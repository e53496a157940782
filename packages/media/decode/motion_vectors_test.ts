import assert from "node:assert/strict";
import { parseMotionVectors } from "./motion_vectors.ts";

Deno.test("parseMotionVectors() reads FFmpeg's records", () => {
  const bytes = new Uint8Array(80 + 7);
  const view = new DataView(bytes.buffer);
  view.setInt32(40, -1, true);
  view.setUint8(44, 16);
  view.setUint8(45, 8);
  view.setInt16(50, 24, true);
  view.setInt16(52, -4, true);
  view.setInt32(64, -6, true);
  view.setInt32(68, 10, true);
  view.setUint16(72, 4, true);
  const { length, ...columns } = parseMotionVectors(bytes);
  assert.equal(length, 2);
  const second = Object.fromEntries(Object.entries(columns).map(([name, c]) => [name, c[1]]));
  assert.deepEqual(second, { source: -1, width: 16, height: 8, x: 24, y: -4, dx: -1.5, dy: 2.5 });
});
