/**
 * The tokens of a window: one sign for each channel and position of the latent, kept as packed
 * bits. Open-MAGVIT2's quantizer has no codebook: a latent value becomes +1 if it is above zero
 * and −1 otherwise, so that only the signs are sent
 * (`lookup_free_quantize.py` of TencentARC/SEED-Voken).
 *
 * The bits lie in [channel, frame, row, column] order as one string, the least significant bit
 * of a byte first. NumPy reads them back in one line:
 * `np.unpackbits(np.frombuffer(b, "u1"), count=c*t*h*w, bitorder="little").reshape(1, c, t, h, w) * 2. - 1`
 *
 * @example Signs, indices and packed bits are the same thing
 * ```ts
 * import { tokensToIndices, tokensToQuant } from "@vcs/video-vq";
 * import { tokensFromLatent } from "@vcs/video-vq/internal";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const latent = tensor("F32", [1, 2, 1, 1, 2], new Float32Array([0.3, -2, -0.1, 5]));
 * const tokens = tokensFromLatent(latent);
 * assert.deepEqual([...tokens.packed], [0b1001]);
 * assert.deepEqual([...tokensToQuant(tokens).data], [1, -1, -1, 1]);
 * assert.deepEqual([...tokensToIndices(tokens, "I32").data], [0b01, 0b10]);
 * ```
 *
 * @module
 */
import { elementCount, type Tensor, tensor } from "@vcs/transport/tensor";

/** Size of a window's latent. A 17×128×128 window has 18 channels and 5×16×16 positions. */
export interface TokenShape {
  /** Bits of a token. */
  readonly channels: number;
  /** Latent frames. */
  readonly frames: number;
  /** Latent rows. */
  readonly height: number;
  /** Latent columns. */
  readonly width: number;
}

/** Whether two latents have the same size. */
export function isSameShape(a: TokenShape, b: TokenShape): boolean {
  return a.channels === b.channels && a.frames === b.frames && a.height === b.height &&
    a.width === b.width;
}

/** The tokens of one window. */
export interface Tokens {
  /** Size of the latent. */
  readonly shape: TokenShape;
  /** The signs, +1 as a set bit, in [channel, frame, row, column] order, low bits first. */
  readonly packed: Uint8Array;
}

/** Positions of a latent: tokens of a window. */
function positionCount(shape: TokenShape): number {
  return elementCount([shape.frames, shape.height, shape.width]);
}

/** Bytes of a window as packed bits: 2,880 for 18×5×16×16. */
export function packedSize(shape: TokenShape): number {
  return Math.ceil(elementCount([shape.channels, positionCount(shape)]) / 8);
}

/**
 * Makes tokens of packed bits. The bytes are not copied.
 *
 * @throws {RangeError} if the number of bytes does not match the shape, or a bit after the last
 * sign is set.
 */
export function tokensFromPacked(packed: Uint8Array, shape: TokenShape): Tokens {
  const expected = packedSize(shape);
  if (packed.length !== expected) {
    throw new RangeError(
      `Cannot read packed tokens of ${
        describe(shape)
      }: found ${packed.length} bytes, expected ${expected}`,
    );
  }
  const spare = expected * 8 - shape.channels * positionCount(shape);
  if (spare > 0 && packed[expected - 1]! >> (8 - spare) !== 0) {
    throw new RangeError(
      `Cannot read packed tokens of ${
        describe(shape)
      }: found a bit set in the last ${spare}, expected zeros`,
    );
  }
  return { shape, packed };
}

/**
 * Quantizes the output of an encoder: a value above zero is +1, everything else (also zero and
 * NaN) is −1.
 *
 * @param latent [1, channels, frames, height, width]
 * @throws {RangeError} if the tensor has another rank.
 */
export function tokensFromLatent(latent: Tensor<"F32"> | Tensor<"F16">): Tokens {
  const shape = latentShape(latent.shape);
  return { shape, packed: packBits(latent.data, latent.data.length, (value) => value > 0) };
}

/**
 * Reads `quant`, the float form of the tokens.
 *
 * @param quant [1, channels, frames, height, width], each value exactly +1 or −1
 * @throws {RangeError} if a value is something else.
 */
export function tokensFromQuant(quant: Tensor<"F32"> | Tensor<"F16">): Tokens {
  const bad = quant.data.findIndex((value) => value !== 1 && value !== -1);
  if (bad >= 0) {
    throw new RangeError(
      `Cannot read quant: found ${quant.data[bad]} at ${bad}, expected +1 or -1`,
    );
  }
  return tokensFromLatent(quant);
}

/**
 * Reads indices: for each position an integer whose bit c is the sign of channel c. This is
 * what `decode_code` of the original was meant to take.
 *
 * @param indices any shape with frames × height × width elements in that order
 * @throws {RangeError} if the number of elements does not match the shape, or an index has a bit
 * beyond the last channel.
 */
export function tokensFromIndices(
  indices: Tensor<"I32"> | Tensor<"I64">,
  shape: TokenShape,
): Tokens {
  const count = positionCount(shape);
  if (indices.data.length !== count) {
    throw new RangeError(
      `Cannot read indices of ${describe(shape)}: found ${indices.data.length}, expected ${count}`,
    );
  }
  const values = Array.from(indices.data, Number);
  const limit = 2 ** shape.channels;
  const bad = values.find((value) => !(value >= 0 && value < limit));
  if (bad !== undefined) {
    throw new RangeError(
      `Cannot read indices of ${describe(shape)}: found ${bad}, expected 0 to ${limit - 1}`,
    );
  }
  const packed = packBits(values, shape.channels * count, (_, at) => {
    const channel = Math.floor(at / count);
    return (values[at - channel * count]! >> channel & 1) === 1;
  });
  return { shape, packed };
}

/** The float form that the original's decoder takes: [1, channels, frames, height, width] of ±1. */
export function tokensToQuant(tokens: Tokens): Tensor<"F32"> {
  const { channels, frames, height, width } = tokens.shape;
  const quant = tensor("F32", [1, channels, frames, height, width]);
  for (let i = 0; i < quant.data.length; i++) {
    quant.data[i] = (tokens.packed[i >> 3]! >> (i & 7) & 1) * 2 - 1;
  }
  return quant;
}

/** One integer per position, [frames, height, width]; channel 0 is its lowest bit. */
export function tokensToIndices<D extends "I32" | "I64">(tokens: Tokens, dtype: D): Tensor<D> {
  const { channels, frames, height, width } = tokens.shape;
  const count = positionCount(tokens.shape);
  const values = new Int32Array(count);
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < count; i++) {
      const bit = channel * count + i;
      values[i]! |= (tokens.packed[bit >> 3]! >> (bit & 7) & 1) << channel;
    }
  }
  const shape = [frames, height, width];
  const wide = dtype === "I64" ? BigInt64Array.from(values, BigInt) : values;
  return { dtype, shape, data: wide } as Tensor<"I32" | "I64"> as Tensor<D>;
}

function describe(shape: TokenShape): string {
  return `${shape.channels}x${shape.frames}x${shape.height}x${shape.width}`;
}

/**
 * Size of a latent as a tensor.
 *
 * @throws {RangeError} if it is not [1, 1 to 30 channels, frames, height, width].
 */
export function latentShape(shape: readonly number[]): TokenShape {
  const [batch, channels, frames, height, width] = shape;
  if (shape.length !== 5 || batch !== 1 || channels! < 1 || channels! > 30) {
    throw new RangeError(
      `Cannot read a latent: found shape [${shape}], expected [1, 1 to 30 channels, frames, height, width]`,
    );
  }
  return { channels: channels!, frames: frames!, height: height!, width: width! };
}

function packBits<T>(
  values: ArrayLike<T>,
  count: number,
  isSet: (value: T, at: number) => boolean,
): Uint8Array {
  const packed = new Uint8Array(Math.ceil(count / 8));
  for (let i = 0; i < count; i++) {
    if (isSet(values[i] as T, i)) packed[i >> 3]! |= 1 << (i & 7);
  }
  return packed;
}
