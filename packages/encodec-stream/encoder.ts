/**
 * Audio to codes as it arrives: at 48 kHz a segment is encoded when its 48,000 samples are there, at
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
import type { CodeBlock } from "./container/reader.ts";
import {
  type CodecOptions,
  isTiled,
  ModelSession,
  openWeights,
  processors,
  type Weights,
} from "./network/model_session.ts";
import { type ModelName, type ModelSpec, modelSpec, type Segmentation } from "./models.ts";
import { encoderConvNetwork, encoderRecurrentNetwork } from "./network/networks.ts";
import { FiniteSamples } from "./audio/finite.ts";
import { batches, checkWhole, defined, mapOrdered, oneAhead } from "@vcs/transport/portable";
import type { Planar } from "./audio/overlap_add.ts";
import { framesFor } from "./container/segments.ts";

/** How to encode. */
export interface EncodeOptions {
  /**
   * Segments per call of the recurrent half, where larger is faster; at 24 kHz most seconds per call,
   * where larger only takes more memory. 1 yields each as soon as it is encoded. Default: 16 segments;
   * at 24 kHz 1 second.
   */
  readonly batch?: number;
  /** At 24 kHz: chunks of 8 frames (0.1 s) throughout. Default: false. */
  readonly lowLatency?: boolean;
}

/** A segment or chunk of audio. */
interface AudioChunk {
  readonly index: number;
  readonly start: number;
  readonly channels: Planar;
}

/** Features of a chunk, on their way between the two halves. */
interface Features {
  readonly chunk: AudioChunk;
  readonly scale: number | undefined;
  readonly tensor: Tensor;
}

/** Samples that are queued at a time. */
const MOST_SAMPLES = 16384;

/** Samples that arrive in chunks of any size and are taken in others. */
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
        `Cannot encode: found ${channels.length} channels, expected ${this.#held.length}`,
      );
    }
    this.#held = this.#held.map((held, c) => {
      const joined = new Float32Array(held.length + channels[c]!.length);
      joined.set(held);
      joined.set(channels[c]!, held.length);
      return joined;
    });
  }

  /** The first samples; those before `keepFrom` are dropped. */
  take(length: number, keepFrom: number): Planar {
    const taken = this.#held.map((held) => held.slice(0, length));
    this.#held = this.#held.map((held) => held.slice(keepFrom));
    return taken;
  }
}

/** Chunks of at most two thirds of a second, so that a whole song may come as one. */
async function* small(audio: AsyncIterable<readonly Float32Array[]>) {
  for await (const channels of audio) {
    const length = channels[0]?.length ?? 0;
    for (let at = 0; at < length; at += MOST_SAMPLES) {
      yield channels.map((c) => c.subarray(at, at + MOST_SAMPLES));
    }
  }
}

/** Cuts audio into overlapping segments; the last ones are as long as the rest. */
async function* segmentsOf(
  audio: AsyncIterable<readonly Float32Array[]>,
  channels: number,
  { length, stride }: Segmentation,
): AsyncGenerator<AudioChunk> {
  const queue = new SampleQueue(channels);
  let index = 0;
  const next = (): AudioChunk => {
    const samples = queue.take(Math.min(length, queue.length), stride);
    return { index, start: index++ * stride, channels: samples };
  };
  for await (const samples of small(audio)) {
    queue.push(samples);
    while (queue.length >= length) yield next();
  }
  while (queue.length > 0) yield next();
}

/** Cuts audio into chunks of whole frames, a short one first; only the last may end inside a frame. */
async function* chunksOf(
  audio: AsyncIterable<readonly Float32Array[]>,
  { channels, hop, firstFrames, secondFrames }: ModelSpec,
  largest: number,
): AsyncGenerator<AudioChunk> {
  const queue = new SampleQueue(channels);
  let start = 0;
  let frames = firstFrames;
  const next = (length: number): AudioChunk => {
    const samples = queue.take(length, length);
    start += length;
    return { index: (start - length) / hop, start: start - length, channels: samples };
  };
  for await (const samples of small(audio)) {
    queue.push(samples);
    // One more sample stays behind, so that the last chunk is known to be the last.
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

/** Planar samples as one tensor [1, C, S], divided by a loudness, up to a multiple of a unit. */
function audioTensor(channels: Planar, scale = 1, unit = 1): Tensor {
  const length = Math.ceil(channels[0]!.length / unit) * unit;
  const data = new Float32Array(channels.length * length);
  channels.forEach((c, i) => data.set(c, i * length));
  if (scale !== 1) { for (let i = 0; i < data.length; i++) data[i]! /= scale; }
  return tensor("F32", [1, channels.length, length], data);
}

/** The model of 24 kHz: the published one, or the small one where that is not on this machine. */
async function usualModel(): Promise<ModelName> {
  const { availableModel } = await import("./network/catalog.ts");
  return await availableModel("encodec_24khz");
}

/** A model that encodes. Release it with `using`. */
export class Encoder implements Disposable {
  /** Numbers of the model. */
  readonly spec: ModelSpec;
  /** Codebooks in use. */
  readonly codebooks: number;
  readonly #conv: ModelSession;
  readonly #recurrent: ModelSession;
  readonly #threads: number;
  readonly #finite = new FiniteSamples();

  private constructor(
    spec: ModelSpec,
    codebooks: number,
    conv: ModelSession,
    recurrent: ModelSession,
    threads: number,
  ) {
    this.spec = spec;
    this.codebooks = codebooks;
    this.#conv = conv;
    this.#recurrent = recurrent;
    this.#threads = threads;
  }

  /**
   * Opens a model.
   *
   * @param model name of the model, or its numbers; `spec` says which it is. Default:
   * `encodec_24khz` if its weights are on this machine, else `encodec_tiny_24khz`, whose weights are
   * bundled with this package.
   * @param codebooks codebooks to use; `codebooksFor` returns those of a bandwidth. Default: 8, which
   * is 6 kbit/s at 24 kHz.
   * @throws {RangeError} if the model has fewer codebooks.
   * @throws {OnnxError} if its checkpoint or the device cannot be used.
   */
  static async open(
    model?: ModelName | ModelSpec,
    codebooks = 8,
    options: CodecOptions = {},
  ): Promise<Encoder> {
    const chosen = model ?? await usualModel();
    const spec = typeof chosen === "string" ? modelSpec(chosen) : chosen;
    if (!Number.isInteger(codebooks) || codebooks < 1 || codebooks > spec.codebooks) {
      throw new RangeError(
        `Cannot encode with ${codebooks} codebooks: ${spec.name} has 1 to ${spec.codebooks}`,
      );
    }
    const weights = await openWeights(spec, "codec", options);
    try {
      return await Encoder.#load(spec, codebooks, weights, options);
    } finally {
      weights[Symbol.dispose]();
    }
  }

  static async #load(
    spec: ModelSpec,
    codebooks: number,
    weights: Weights,
    options: CodecOptions,
  ): Promise<Encoder> {
    const { device, cache, openModel, threads = processors() } = options;
    const settings = (threads: number) => ({ threads, ...defined({ device, cache, openModel }) });
    const conv = await ModelSession.open(
      encoderConvNetwork(spec, weights.source),
      weights,
      settings(spec.segmentation ? 1 : threads),
      isTiled(spec) && encoderConvNetwork(spec, weights.source, spec.segmentation.length),
    );
    const recurrent = await ModelSession.open(
      encoderRecurrentNetwork(spec, weights.source, codebooks),
      weights,
      settings(threads),
    );
    return new Encoder(spec, codebooks, conv, recurrent, threads);
  }

  /** Samples since it was opened that were NaN or infinite, and were encoded as 0. */
  get replacedSamples(): number {
    return this.#finite.replaced;
  }

  /**
   * Encodes audio, taking it to have the model's own rate.
   *
   * @param audio chunks of any size, an array per channel; what is not a finite number counts as 0
   * @throws {RangeError} if the batch is below 1, or, while encoding, if a chunk has another number of
   * channels than the model.
   */
  encode(
    audio: AsyncIterable<readonly Float32Array[]>,
    options: EncodeOptions = {},
  ): AsyncGenerator<CodeBlock> {
    const { segmentation, channels, firstFrames, secondFrames } = this.spec;
    const { batch = segmentation ? 16 : 1, lowLatency = false } = options;
    checkWhole("a batch of", batch, 1);
    const finite = this.#finite.of(audio);
    if (segmentation) return this.#segments(segmentsOf(finite, channels, segmentation), batch);
    const largest = lowLatency ? firstFrames : batch * secondFrames;
    return this.#stream(chunksOf(finite, this.spec, largest));
  }

  async *#segments(chunks: AsyncIterable<AudioChunk>, batch: number): AsyncGenerator<CodeBlock> {
    const features = mapOrdered(chunks, this.#threads, (chunk) => this.#runConv(chunk));
    const groups = batches(features, { most: batch, least: batch }, (f) => f.tensor.shape[2]!);
    for await (const blocks of mapOrdered(groups, 1, (b) => this.#runRecurrent(b))) yield* blocks;
  }

  async #runConv(chunk: AudioChunk): Promise<Features> {
    const scale = this.spec.norm === "segment" ? loudness(chunk.channels) : 1;
    const audio = audioTensor(chunk.channels, scale, this.spec.dac ? this.spec.hop : 1);
    return { chunk, scale, tensor: await this.#conv.run({ audio }, "features") };
  }

  async #runRecurrent(segments: Features[]): Promise<CodeBlock[]> {
    // A segment on its own runs beside a copy: see the decoder.
    const batch = segments.length === 1 ? [segments[0]!, segments[0]!] : segments;
    const one = batch[0]!.tensor;
    const data = new Float32Array(batch.length * one.data.length);
    batch.forEach((f, n) => data.set(f.tensor.data as Float32Array, n * one.data.length));
    const features = tensor("F32", one.shape.with(0, batch.length), data);
    const codes = await this.#recurrent.run({ features }, "codes");
    const size = codes.data.length / batch.length;
    return segments.map(({ chunk, scale }, n) =>
      this.#block(chunk, scale, (codes.data as BigInt64Array).subarray(n * size, (n + 1) * size))
    );
  }

  async *#stream(chunks: AsyncIterable<AudioChunk>): AsyncGenerator<CodeBlock> {
    const state = this.#recurrent.newState();
    // The next chunk's convolutional half runs beside this chunk's recurrent half.
    const ahead = oneAhead(this.#features(chunks));
    for await (const { chunk, tensor } of ahead) {
      const first = chunk.start === 0;
      const codes = await this.#recurrent.step({ features: tensor }, "codes", state, first);
      yield this.#block(chunk, undefined, codes.data as BigInt64Array);
    }
  }

  async *#features(chunks: AsyncIterable<AudioChunk>): AsyncGenerator<Features> {
    const state = this.#conv.newState();
    for await (const chunk of chunks) {
      const audio = audioTensor(chunk.channels);
      const first = chunk.start === 0;
      const tensor = await this.#conv.step({ audio }, "features", state, first);
      yield { chunk, scale: undefined, tensor };
    }
  }

  #block(chunk: AudioChunk, scale: number | undefined, codes: BigInt64Array): CodeBlock {
    const samples = chunk.channels[0]!.length;
    return {
      index: chunk.index,
      start: chunk.start,
      samples,
      frames: framesFor(this.spec, samples),
      scale,
      codes: Uint16Array.from(codes, Number),
    };
  }

  /** Releases the sessions. */
  [Symbol.dispose](): void {
    this.#conv[Symbol.dispose]();
    this.#recurrent[Symbol.dispose]();
  }
}
