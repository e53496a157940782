import { random } from "#testing/fuzz.ts";
import assert from "node:assert/strict";
import { coveredCells } from "./cells.ts";
import { isEmptyFrame, weighTexture } from "./texture.ts";

const SIZE = { width: 32, height: 16 };
const CELLS = [coveredCells(16, 2), coveredCells(32, 4)] as const;

Deno.test("an empty patch loses to one with texture that changed a tenth as much", () => {
  const next = random(3);
  const luma = Uint8Array.from({ length: 512 }, (_, n) => n % 32 < 16 ? 90 : 60 + 90 * next());
  const energy = new Float32Array(8).fill(196);
  energy.fill(20, 2, 4);
  weighTexture(luma, SIZE, CELLS, energy);
  assert.ok(energy[2]! > 3 * energy[0]!, `${energy}`);
  assert.ok(energy[0]! > 0);
  assert.ok(energy[7]! > 150 && energy[7]! < 196);
});

Deno.test("a frame is empty where it has one luma, up to noise", () => {
  const next = random(4);
  const frame = (luma: number, spread: number) =>
    Uint8Array.from({ length: 512 }, () => luma + spread * next());
  assert.equal(isEmptyFrame(frame(16, 6)), true);
  assert.equal(isEmptyFrame(frame(235, 0)), true);
  assert.equal(isEmptyFrame(frame(16, 30)), false);
});
