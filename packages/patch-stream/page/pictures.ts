/**
 * What was kept, as a picture of each sampled frame: kept patches as they are, the rest dimmed.
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
