/**
 * What a listener hears where a live 24 kHz stream lost codes: its last frame again, fading out, then
 * silence, then the stream, fading in. Each fade takes one frame (13 ms). At 48 kHz the overlap of
 * segments does the same.
 *
 * @module
 */
import type { CodeBlock } from "../container/reader.ts";
import type { Planar } from "./overlap_add.ts";

/** Blocks with the codes that a lost one is decoded from: those of the last frame before it. */
export async function* concealed(blocks: AsyncIterable<CodeBlock>): AsyncGenerator<CodeBlock> {
  let last = new Uint16Array(0);
  for await (const block of blocks) {
    if (!block.isLost) last = block.codes.slice(-(block.codes.length / block.frames));
    yield block.isLost ? { ...block, frames: 1, codes: last } : block;
  }
}

/** A copy that rises from silence, or falls to it. */
function ramp(channel: Float32Array, length: number, isRise: boolean): Float32Array<ArrayBuffer> {
  const faded = new Float32Array(channel);
  for (let i = 0; i < Math.min(length, faded.length); i++) {
    const part = (i + 0.5) / length;
    faded[i]! *= isRise ? part : 1 - part;
  }
  return faded;
}

/** Fades decoded audio out where it was lost, and in behind that. */
export class LossFade {
  /** Samples of the last fade out; 0 while nothing is lost. */
  #silentFor = 0;

  /**
   * Takes a decoded block.
   *
   * @param decoded its audio; of a lost one a frame that follows the audio before it
   */
  push(decoded: Planar, { isLost, samples }: Pick<CodeBlock, "isLost" | "samples">): Planar {
    const wasSilent = this.#silentFor > 0;
    const length = isLost ? decoded[0]!.length : this.#silentFor;
    this.#silentFor = isLost ? length : 0;
    if (!isLost) return wasSilent ? decoded.map((c) => ramp(c, length, true)) : decoded;
    return decoded.map((channel) => {
      const silence = new Float32Array(samples);
      if (!wasSilent) silence.set(ramp(channel, length, false).subarray(0, samples));
      return silence;
    });
  }
}
