import assert from "node:assert/strict";
import { join } from "node:path";
import { PARTS } from "./gpu_parts.ts";

/** Runs the command with the CPU in the GPU's place; gives the report. */
async function report(...args: string[]): Promise<string> {
  const out = await Deno.makeTempFile();
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", join(import.meta.dirname!, "gpu.ts"), "--out", out, ...args],
    stdout: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const text = await Deno.readTextFile(out);
  await Deno.remove(out);
  return text;
}

Deno.test("the way to a GPU's report, with the CPU in its place", async () => {
  const text = await report("--device", "cpu", "--seconds", "9000", "MAGVIT, reduced");
  assert.match(text, /\| 17x128x128: encode, bytes of signs \|.*\| 0 of 2880 differ \|/);
  assert.match(text, /\| 17x128x128: decode, levels \|.*\| at most 0\.0 of \d+ \|/);
  assert.match(text, /- MAGVIT, reduced on cpu: \d+ MB held/);
});

Deno.test("parts for which no time is left are listed as not run", async () => {
  const text = await report("--device", "cpu", "--seconds", "1", "CLIP", "NVDEC");
  assert.match(text, /- CLIP on cpu: not run to its end, no time was left/);
  // It is for CUDA alone.
  assert.doesNotMatch(text, /NVDEC/);
});

Deno.test("the parts fit into eight minutes", () => {
  const seconds = Object.values(PARTS).reduce((sum, part) => sum + part.seconds, 0);
  assert.ok(seconds <= 480, `${seconds} s`);
});
