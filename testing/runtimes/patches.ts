/** Keeps patches of frames: squares that move over noise. */
import { patchesOfFrames, sampleByIndex } from "@vcs/patch-stream/frames";
import { tensorBytes } from "@vcs/transport/tensor";
import { digest, type Entry, noise } from "./check.ts";

const [WIDTH, HEIGHT, FRAMES] = [320, 180, 24];
const background = noise(3 * WIDTH * HEIGHT, 7).map((value) => value >> 3);

function frame(number: number): Uint8Array {
  const rgb = background.slice();
  for (let y = 40; y < 100; y++) {
    const at = 3 * (WIDTH * y + 8 * number);
    rgb.fill(60 + 5 * number, at, at + 3 * 50);
  }
  return rgb;
}

const run: Entry = async () => {
  const ids = sampleByIndex(FRAMES, 8);
  const clip = { width: WIDTH, height: HEIGHT, ids };
  const reports: unknown[] = [];
  for (const energy of ["blocksad", "reference"] as const) {
    const config = { kKeep: 128, energy, outputDtype: "float16", staticFallback: true } as const;
    const found = await patchesOfFrames({ ...clip, frames: ids.map(frame) }, config);
    const { fields, patches, scoreMap, grid } = found;
    const parts = [fields, patches, scoreMap].map((t) => digest(tensorBytes(t)));
    reports.push({ energy, grid, digests: await Promise.all(parts) });
  }
  return reports;
};

export default run;
