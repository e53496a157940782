/**
 * What was kept, as a picture of each sampled frame: kept patches as they are, the rest dimmed; or
 * beside the frame.
 *
 * @module
 */
import type { Image } from "@vcs/media/image";
import type { PatchStreamResult } from "../session.ts";

/** Share of its light that a patch has which is not kept. */
const DIMMED = 0.22;

/** The pictures, in the order of the sequence, of the size that the patches were cut from. */
export function keptPictures(result: PatchStreamResult): Image[] {
  const { gridW, patchSize, targetW, targetH } = result.grid;
  const size = 3 * targetW * targetH;
  return result.sampledFrameIds.map((_, position) => {
    const data = result.frames.data.slice(position * size, (position + 1) * size);
    const kept = new Set<number>();
    for (const { seqPos, patchHIdx, patchWIdx } of result.metadata) {
      if (seqPos === position) kept.add(patchHIdx * gridW + patchWIdx);
    }
    for (let at = 0; at < size; at++) {
      const pixel = Math.floor(at / 3);
      const row = Math.floor(Math.floor(pixel / targetW) / patchSize);
      const column = Math.floor(pixel % targetW / patchSize);
      if (!kept.has(row * gridW + column)) data[at] = DIMMED * data[at]!;
    }
    return { width: targetW, height: targetH, data };
  });
}

/** Each frame with its picture to the right of it. */
export function besideFrames(result: PatchStreamResult, pictures: readonly Image[]): Image[] {
  return pictures.map(({ width, height, data }, position) => {
    const row = 3 * width;
    const both = new Uint8Array(2 * data.length);
    const frame = result.frames.data.subarray(position * data.length, (position + 1) * data.length);
    for (let y = 0; y < height; y++) {
      both.set(frame.subarray(y * row, (y + 1) * row), 2 * y * row);
      both.set(data.subarray(y * row, (y + 1) * row), (2 * y + 1) * row);
    }
    return { width: 2 * width, height, data: both };
  });
}
