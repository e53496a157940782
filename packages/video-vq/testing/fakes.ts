/**
 * Shared by the pipeline's tests: a codec that only takes time, and frames that carry numbers.
 *
 * @module
 */
import type { Clock, ManualClock } from "@vcs/transport";
import assert from "node:assert/strict";
import type { Clip, WindowDecoder, WindowEncoder } from "../stream/tokenizer.ts";
import type { Tokens } from "../stream/tokens.ts";
import type { LatentLimits } from "../stream/window_limits.ts";
import type { TimedFrame } from "../stream/windows.ts";

export const SIZE = { width: 8, height: 8 };
const SHAPE = { channels: 18, frames: 5, height: 1, width: 1 };

/** A codec whose tokens are the number of a window's first frame; it sleeps in place of working. */
export class FakeCodec implements WindowEncoder, WindowDecoder {
  readonly modelId: string;
  readonly description = "a codec that sleeps";
  readonly latent: LatentLimits = { channels: 18, frames: [1, 5], scale: 8 };
  readonly encodedAt: number[] = [];
  readonly decodedAt: number[] = [];

  constructor(
    readonly clock: Clock,
    readonly seconds: { encode?: number; decode?: number } = {},
    modelId = "00000000000000aa",
  ) {
    this.modelId = modelId;
  }

  async encode(clip: Clip): Promise<Tokens> {
    this.encodedAt.push(this.clock.now());
    const first = numberOf(clip.data);
    await this.clock.sleep(1000 * (this.seconds.encode ?? 0));
    const packed = new Uint8Array(12);
    new DataView(packed.buffer).setUint32(0, first, true);
    return { shape: SHAPE, packed };
  }

  async decode({ packed }: Tokens): Promise<Clip> {
    this.decodedAt.push(this.clock.now());
    const first = new DataView(packed.buffer, packed.byteOffset).getUint32(0, true);
    await this.clock.sleep(1000 * (this.seconds.decode ?? 0));
    const data = new Uint8Array(17 * 192);
    for (let i = 0; i < 17; i++) data.set(numbered(first + i), i * 192);
    return { frameCount: 17, ...SIZE, data };
  }

  [Symbol.dispose](): void {}
}

/** The pixels of a frame that carries its number. */
export function numbered(index: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(192);
  new DataView(data.buffer).setUint32(0, index, true);
  return data;
}

/** The number that a frame carries. */
export function numberOf(data: Uint8Array): number {
  return new DataView(data.buffer, data.byteOffset).getUint32(0, true);
}

/** Frames as fast as they are taken, or at their time if there is a clock. */
export async function* numberedFrames(
  count: number,
  { fps = 24, clock, first = 0 }: { fps?: number; clock?: Clock; first?: number } = {},
): AsyncGenerator<TimedFrame> {
  const start = clock?.now() ?? 0;
  for (let i = first; i < first + count; i++) {
    const due = start + (i - first) * 1000 / fps;
    if (clock && due > clock.now()) await clock.sleep(due - clock.now());
    yield { ...SIZE, data: numbered(i), pts: i / fps, duration: 1 / fps };
  }
}

/** Turns a clock by hand until some work is done. */
export async function drive<T>(clock: ManualClock, work: Promise<T>, step = 500): Promise<T> {
  let done = false;
  const finish = () => void (done = true);
  work.then(finish, finish);
  for (let i = 0; !done; i++) {
    assert(i < 100_000, "the work does not end");
    await clock.advance(step);
  }
  return await work;
}

/** Names of the files in a folder, sorted. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.map(({ name }) => name).sort();
}
