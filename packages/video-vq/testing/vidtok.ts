/**
 * VidTok's network at reduced size, and what the authors' code makes with it: see
 * `testdata/make_vidtok.py`.
 *
 * @module
 */
import { readSafetensors } from "@vcs/transport/safetensors";
import type { Tensor } from "@vcs/transport/tensor";
import type { Clip } from "../stream/tokenizer.ts";

const TESTDATA = new URL("../testdata/", import.meta.url);

/** Writes the checkpoint as `torch.save` made it. */
export async function unpackVidtok(path: string): Promise<void> {
  const packed = await Deno.open(new URL("vidtok.ckpt.gz", TESTDATA));
  await Deno.writeFile(path, packed.readable.pipeThrough(new DecompressionStream("gzip")));
}

/** A clip, its codes [T′, H′, W′], and the frames [3, T, H, W] that these are decoded to. */
export interface VidtokCase {
  /** Frames. */
  readonly clip: Clip;
  /** Codes. */
  readonly indices: Tensor<"I32">;
  /** What they are decoded to, about −1 to 1. */
  readonly reconstruction: Tensor<"F32">;
}

/** Reads a case by its size, as `17x24x16`. */
export function vidtokCase(size: string): VidtokCase {
  const bytes = Deno.readFileSync(new URL(`vidtok.${size}.safetensors`, TESTDATA));
  const { frames, indices, reconstruction } = Object.fromEntries(readSafetensors(bytes).tensors);
  const [frameCount, height, width] = frames!.shape as [number, number, number];
  return {
    clip: { frameCount, height, width, data: frames!.data as Uint8Array },
    indices: indices as Tensor<"I32">,
    reconstruction: reconstruction as Tensor<"F32">,
  };
}
