/**
 * Audio to codes as it arrives: at 48 kHz a segment is coded when its 48,000 samples are there, at
 * 24 kHz the layers carry their state from chunk to chunk. Nothing waits for the end of the input.
 *
 * @example Encode a WAV file at 12 kbit/s
 * ```ts ignore
 * import { EcdcWriter, Encoder, fileSink } from "@vcs/encodec-stream";
 * import { openAudio } from "@vcs/media/audio";
 *
 * using encoder = await Encoder.open("encodec_48khz", 8);
 * await using audio = await openAudio("song.wav", { sampleRate: 48000, channels: 2 });
 * await using sink = await fileSink("song.ecdc");
 * const writer = new EcdcWriter(sink, { model: "encodec_48khz", codebooks: 8 });
 * let samples = 0;
 * for await (const block of encoder.encode(audio)) {
 *   await writer.write(block);
 *   samples = block.start + block.samples;
 * }
 * await writer.close(samples);
 * ```
 *
 * @module
 */
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { defined } from "@vcs/transport/internal";
import { availableModel } from "./network/available_model.ts";
import type { CodeBlock } from "./container/reader.ts";
import { type CodecOptions, ModelSession, openWeights } from "./network/model_session.ts";
import { type ModelName, type ModelSpec, modelSpec, type Segmentation } from "./models.ts";
import { analysisNetwork, codingNetwork } from "./network/networks.ts";
import { batches, checkWhole, mapOrdered, oneAhead } from "./audio/ordered.ts";
import type { Planar } from "./audio/overlap_add.ts";
import { framesFor } from "./container/segments.ts";

/** How to encode. */
export interface EncodeOptions {
  /**
   * Segments per call of the recurrent half; at 24 kHz most seconds per call. 1 gives each segment
   * as soon as it is coded, larger is faster. Default 16 segments, 8 seconds.
   */
  readonly batch?: number;
  /** At 24 kHz: chunks of 8 frames (0.1 s) throughout. Default false. */
  readonly lowLatency?: boolean;
}

/** A run of audio at some place. */
interface Piece {
  readonly index: number;
  readonly start: number;
  readonly channels: Planar;
}

/** Features of a segment, on their way between the two halves. */
interface Features {
  readonly piece: Piece;
  readonly scale: number | undefined;
  readonly tensor: Tensor;
}

/** Samples that are queued at a time. */
const MOST_SAMPLES = 16384;

/** Samples that arrive in any pieces, given in the pieces that are wanted. */
class SampleQueue {
  #held: Planar;

  constructor(channels: number) {
    this.#held = Array.from({ length: channels }, () => new Float32Array(0));
  }

  get length(): number {
    return this.#held[0]!.length;
  }

  push(channels: readonly Float32Array[]): void {
    if (channels.length !== this.#held.length) {
      throw new RangeError(
        `Cannot encode: the model takes ${this.#held.length} channels, found ${channels.length}`,
      );
    }
    this.#held = this.#held.map((held, c) => {
      const joined = new Float32Array(held.length + channels[c]!.length);
      joined.set(held);
      joined.set(channels[c]!, held.length);
      return joined;
    });
  }

  /** The first samples; those before `keepFrom` are let go. */
  take(length: number, keepFrom: number): Planar {
    const taken = this.#held.map((held) => held.slice(0, length));
    this.#held = this.#held.map((held) => held.slice(keepFrom));
    return taken;
  }
}

/** Chunks of at most a third of a second, so that a whole song may come as one. */
async function* small(audio: AsyncIterable<readonly Float32Array[]>) {
  for await (const channels of audio) {
    const length = channels[0]?.length ?? 0;
    for (let at = 0; at < length; at += MOST_SAMPLES) {
      yield channels.map((c) => c.subarray(at, at + MOST_SAMPLES));
    }
  }
}

/** Cuts audio into overlapping segments; the last ones are as long as what is left. */
async function* segmentsOf(
  audio: AsyncIterable<readonly Float32Array[]>,
  channels: number,
  { length, stride }: Segmentation,
): AsyncGenerator<Piece> {
  const queue = new SampleQueue(channels);
  let index = 0;
  const next = (): Piece => {
    const piece = queue.take(Math.min(length, queue.length), stride);
    return { index, start: index++ * stride, channels: piece };
  };
  for await (const samples of small(audio)) {
    queue.push(samples);
    while (queue.length >= length) yield next();
  }
  while (queue.length > 0) yield next();
}

/** Cuts audio into chunks of whole frames, a short one first; only the last may end in a part. */
async function* chunksOf(
  audio: AsyncIterable<readonly Float32Array[]>,
  { channels, hop, firstFrames, secondFrames }: ModelSpec,
  largest: number,
): AsyncGenerator<Piece> {
  const queue = new SampleQueue(channels);
  let start = 0;
  let frames = firstFrames;
  const next = (length: number): Piece => {
    const piece = queue.take(length, length);
    start += length;
    return { index: (start - length) / hop, start: start - length, channels: piece };
  };
  for await (const samples of small(audio)) {
    queue.push(samples);
    // One sample more stays behind, so that the end of the audio is seen when its last chunk goes.
    while (queue.length > frames * hop) {
      yield next(frames * hop);
      frames = Math.min(largest, Math.max(secondFrames, frames * 2));
    }
  }
  if (queue.length > 0) yield next(queue.length);
}

/** Loudness of a segment: the root mean square of the channels' mean, never zero. */
function loudness(channels: Planar): number {
  let sum = 0;
  for (let i = 0; i < channels[0]!.length; i++) {
    const mono = channels.reduce((total, c) => total + c[i]!, 0) / channels.length;
    sum += mono * mono;
  }
  return Math.fround(Math.sqrt(sum / channels[0]!.length) + 1e-8);
}

/** Planar samples as one tensor [1, C, S], divided by a loudness. */
function audioTensor(channels: Planar, scale = 1): Tensor {
  const length = channels[0]!.length;
  const data = new Float32Array(channels.length * length);
  channels.forEach((c, i) => data.set(c, i * length));
  if (scale !== 1) { for (let i = 0; i < data.length; i++) data[i]! /= scale; }
  return tensor("F32", [1, channels.length, length], data);
}

/** A model ready to encode. Release it with `using`. */
export class Encoder implements Disposable {
  /** Numbers of the model. */
  readonly spec: ModelSpec;
  /** Codebooks in use. */
  readonly codebooks: number;
  readonly #analysis: ModelSession;
  readonly #coding: ModelSession;
  readonly #threads: number;

  private constructor(
    spec: ModelSpec,
    codebooks: number,
    analysis: ModelSession,
    coding: ModelSession,
    threads: number,
  ) {
    this.spec = spec;
    this.codebooks = codebooks;
    this.#analysis = analysis;
    this.#coding = coding;
    this.#threads = threads;
  }

  /**
   * Makes a model ready.
   *
   * @param model name of the model, or its numbers. Default: `encodec_24khz` if its weights are on
   * this machine, else `encodec_tiny_24khz`, whose weights are bundled with this package: see `spec`
   * @param codebooks codebooks to use; `codebooksFor` gives those of a bandwidth. Default 8, which
   * is 6 kbit/s at 24 kHz
   * @throws {RangeError} where the model has not as many codebooks.
   * @throws {OnnxError} where its checkpoint or the device cannot be used.
   */
  static async open(
    model?: ModelName | ModelSpec,
    codebooks = 8,
    options: CodecOptions = {},
  ): Promise<Encoder> {
    const chosen = model ?? await availableModel("encodec_24khz");
    const spec = typeof chosen === "string" ? modelSpec(chosen) : chosen;
    if (!Number.isInteger(codebooks) || codebooks < 1 || codebooks > spec.codebooks) {
      throw new RangeError(
        `Cannot encode with ${codebooks} codebooks: ${spec.name} has 1 to ${spec.codebooks}`,
      );
    }
    const { device, cache, threads = navigator.hardwareConcurrency } = options;
    const settings = (threads: number) => ({ threads, ...defined({ device, cache }) });
    using weights = await openWeights(spec, "codec", options);
    const analysis = await ModelSession.open(
      analysisNetwork(spec, weights.source),
      weights,
      settings(spec.segmentation ? 1 : threads),
      spec.segmentation && analysisNetwork(spec, weights.source, spec.segmentation.length),
    );
    const coding = await ModelSession.open(
      codingNetwork(spec, weights.source, codebooks),
      weights,
      settings(threads),
    );
    return new Encoder(spec, codebooks, analysis, coding, threads);
  }

  /**
   * Encodes audio at the rate that it is to be taken for as the model's own.
   *
   * @param audio chunks of any size, an array per channel
   * @throws {RangeError} where the batch is below 1, or, later on, where a chunk has not the model's
   * number of channels.
   */
  encode(
    audio: AsyncIterable<readonly Float32Array[]>,
    options: EncodeOptions = {},
  ): AsyncGenerator<CodeBlock> {
    const { segmentation, channels, firstFrames, secondFrames } = this.spec;
    const { batch = segmentation ? 16 : 8, lowLatency = false } = options;
    checkWhole("a batch of", batch, 1);
    if (segmentation) return this.#segments(segmentsOf(audio, channels, segmentation), batch);
    const largest = lowLatency ? firstFrames : batch * secondFrames;
    return this.#stream(chunksOf(audio, this.spec, largest));
  }

  async *#segments(pieces: AsyncIterable<Piece>, batch: number): AsyncGenerator<CodeBlock> {
    const features = mapOrdered(pieces, this.#threads, (piece) => this.#analyze(piece));
    const groups = batches(features, { most: batch, least: batch }, (f) => f.tensor.shape[2]!);
    for await (const blocks of mapOrdered(groups, 1, (b) => this.#code(b))) yield* blocks;
  }

  async #analyze(piece: Piece): Promise<Features> {
    const scale = loudness(piece.channels);
    const audio = audioTensor(piece.channels, scale);
    return { piece, scale, tensor: await this.#analysis.run({ audio }, "features") };
  }

  async #code(segments: Features[]): Promise<CodeBlock[]> {
    // A segment on its own runs beside a copy: see the decoder.
    const batch = segments.length === 1 ? [segments[0]!, segments[0]!] : segments;
    const one = batch[0]!.tensor;
    const data = new Float32Array(batch.length * one.data.length);
    batch.forEach((f, n) => data.set(f.tensor.data as Float32Array, n * one.data.length));
    const features = tensor("F32", one.shape.with(0, batch.length), data);
    const codes = await this.#coding.run({ features }, "codes");
    const size = codes.data.length / batch.length;
    return segments.map(({ piece, scale }, n) =>
      this.#block(piece, scale, (codes.data as BigInt64Array).subarray(n * size, (n + 1) * size))
    );
  }

  async *#stream(pieces: AsyncIterable<Piece>): AsyncGenerator<CodeBlock> {
    const state = this.#coding.newState();
    // The next chunk's sample half runs beside this chunk's recurrent half.
    const ahead = oneAhead(this.#analyzed(pieces));
    for await (const { piece, tensor } of ahead) {
      const first = piece.start === 0;
      const codes = await this.#coding.step({ features: tensor }, "codes", state, first);
      yield this.#block(piece, undefined, codes.data as BigInt64Array);
    }
  }

  async *#analyzed(pieces: AsyncIterable<Piece>): AsyncGenerator<Features> {
    const state = this.#analysis.newState();
    for await (const piece of pieces) {
      const audio = audioTensor(piece.channels);
      const first = piece.start === 0;
      const tensor = await this.#analysis.step({ audio }, "features", state, first);
      yield { piece, scale: undefined, tensor };
    }
  }

  #block(piece: Piece, scale: number | undefined, codes: BigInt64Array): CodeBlock {
    const samples = piece.channels[0]!.length;
    return {
      index: piece.index,
      start: piece.start,
      samples,
      frames: framesFor(this.spec, samples),
      scale,
      codes: Uint16Array.from(codes, Number),
    };
  }

  /** Releases the sessions. */
  [Symbol.dispose](): void {
    this.#analysis[Symbol.dispose]();
    this.#coding[Symbol.dispose]();
  }
}
