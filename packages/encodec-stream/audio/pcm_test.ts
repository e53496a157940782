import assert from "node:assert/strict";
import { interleave } from "./pcm.ts";

const stereo = [Float32Array.of(0, 1, -2), Float32Array.of(0.5, -1, NaN)];

Deno.test("interleave() rounds to nearest and limits 16-bit samples", () => {
  const samples = new Int16Array(interleave(stereo, "s16").buffer);
  assert.deepEqual([...samples], [0, 16384, 32767, -32767, -32767, 0]);
});

Deno.test("interleave() leaves floats as they are", () => {
  const samples = new Float32Array(interleave(stereo, "f32").buffer);
  assert.deepEqual([...samples], [0, 0.5, 1, -1, -2, NaN]);
});
