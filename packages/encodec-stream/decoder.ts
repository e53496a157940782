/**
 * Codes to audio, block by block, exactly as if the whole file were decoded at once.
 *
 * At 48 kHz each segment is decoded once and joined to its neighbours; at 24 kHz the layers carry
 * their state from chunk to chunk. Either way memory does not grow with the file.
 *
 * @example Decode a file to samples
 * ```ts ignore
 * import { Decoder, EcdcReader } from "@vcs/encodec-stream";
 *
 * await using reader = await EcdcReader.open("song.ecdc");
 * using decoder = await Decoder.open(reader.header.model);
 * for await (const { start, channels } of decoder.decode(reader)) {
 *   console.log(start / reader.header.rate, channels[0].length);
 * }
 * ```
 *
 * @module
 */
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { EcdcError } from "./errors.ts";
import type { BlockRange, CodeBlock } from "./container/reader.ts";
import type { EcdcHeader } from "./container/header.ts";
import {
  type CodecOptions,
  isTiled,
  ModelSession,
  openWeights,
  processors,
  type StreamState,
  type Weights,
} from "./network/model_session.ts";
import { memoryFrames, noiseStep, sampleContext } from "./network/layers.ts";
import { type ModelName, type ModelSpec, modelSpec } from "./models.ts";
import { decoderConvNetwork, decoderRecurrentNetwork } from "./network/networks.ts";
import { batches, checkWhole, defined, mapOrdered, oneAhead } from "@vcs/transport/portable";
import { concealed, LossFade } from "./audio/loss_fade.ts";
import { OverlapAdd, type Planar } from "./audio/overlap_add.ts";
import { whiteNoise } from "./audio/white_noise.ts";
import { framesFor, segmentPlace } from "./container/segments.ts";

export { type LivePlace, LiveSource, type LiveStatistics } from "./live/live_source.ts";

/** Where codes come from: a reader, a channel ({@linkcode LiveSource}), or a substitute for one. */
export interface CodeSource {
  /** The file's header. */
  readonly header: EcdcHeader;
  /** Segments at 48 kHz, frames at 24 kHz. */
  readonly units: number;
  /** Reads blocks in order. */
  blocks(range?: BlockRange): AsyncIterable<CodeBlock>;
}

/** Consecutive decoded samples at the file's PCM rate. */
export interface PcmBlock {
  /** Index of the first sample. */
  readonly start: number;
  /** Samples of each channel. */
  readonly channels: Planar;
}

/** What to decode, and how. */
export interface DecodeOptions {
  /** First sample, at the file's PCM rate. Default: 0. */
  readonly from?: number;
  /** Sample before which to stop. Default: the end. */
  readonly to?: number;
  /**
   * Most segments per call of the recurrent half: the first call takes one, each later one as many as
   * were read meanwhile; 0 takes 32 from the first call on. At 24 kHz most seconds per call: calls
   * grow to it from a tenth of a second, each as long as everything before it; 0 is half a minute.
   * Default: 16 segments; at 24 kHz 1 second.
   */
  readonly batch?: number;
  /** At 24 kHz: chunks of 8 frames (0.1 s) throughout. Default: false. */
  readonly lowLatency?: boolean;
  /**
   * At 24 kHz, the seconds before `from` that the recurrent layers run over, in place of everything
   * from the start of the file: quick, and no longer exact. Default: from the start.
   */
  readonly preroll?: number;
  /** Ends decoding, also within a call of the model. */
  readonly signal?: AbortSignal;
}

/** Segments of a batch; larger ones use the weights of the recurrent layers no better. */
const DEFAULT_BATCH = 16;

/** The batch that `batch: 0` stands for; beyond it only memory grows. */
const LARGEST_BATCH = 32;

/** Features of a block, on their way between the two halves. */
interface Features {
  readonly block: CodeBlock;
  readonly tensor: Tensor;
}

/** A model that decodes. Release it with `using`. */
export class Decoder implements Disposable {
  /** Numbers of the model. */
  readonly spec: ModelSpec;
  readonly #recurrent: ModelSession;
  readonly #conv: ModelSession;
  readonly #threads: number;

  private constructor(
    spec: ModelSpec,
    recurrent: ModelSession,
    conv: ModelSession,
    threads: number,
  ) {
    this.spec = spec;
    this.#recurrent = recurrent;
    this.#conv = conv;
    this.#threads = threads;
  }

  /**
   * Opens a model.
   *
   * @param model name of the model, or its numbers
   * @throws {OnnxError} if its checkpoint or the device cannot be used.
   */
  static async open(model: ModelName | ModelSpec, options: CodecOptions = {}): Promise<Decoder> {
    const spec = typeof model === "string" ? modelSpec(model) : model;
    const weights = await openWeights(spec, "codec", options);
    try {
      return await Decoder.#load(spec, weights, options);
    } finally {
      weights[Symbol.dispose]();
    }
  }

  static async #load(spec: ModelSpec, weights: Weights, options: CodecOptions): Promise<Decoder> {
    const { device, cache, openModel, threads = processors() } = options;
    const settings = (threads: number) => ({ threads, ...defined({ device, cache, openModel }) });
    const recurrent = await ModelSession.open(
      decoderRecurrentNetwork(spec, weights.source),
      weights,
      settings(threads),
    );
    // Segments run on one processor each; a stream has to share the processors within a call.
    const conv = await ModelSession.open(
      decoderConvNetwork(spec, weights.source),
      weights,
      settings(spec.segmentation ? 1 : threads),
      isTiled(spec) &&
        decoderConvNetwork(spec, weights.source, framesFor(spec, spec.segmentation.length)),
    );
    return new Decoder(spec, recurrent, conv, threads);
  }

  /**
   * Decodes audio in order, without gaps.
   *
   * @throws {EcdcError} what the source throws, after everything before the damage was yielded;
   * `unsupported` if its codes are those of another model.
   * @throws {RangeError} if the batch or the preroll is below 0.
   * @throws the reason of the signal, once it is aborted.
   */
  async *decode(source: CodeSource, options: DecodeOptions = {}): AsyncGenerator<PcmBlock> {
    const { from = 0, to = Infinity, batch, preroll = 0 } = options;
    const model = source.header.spec.name;
    if (model !== this.spec.name) {
      throw new EcdcError(
        "unsupported",
        `Cannot decode codes of ${model}: the decoder is that of ${this.spec.name}`,
      );
    }
    if (batch !== undefined) checkWhole("a batch of", batch, 0);
    if (!(preroll >= 0)) {
      throw new RangeError(`Cannot use a preroll of ${preroll} s: expected at least 0`);
    }
    const end = Math.min(to, source.header.samples);
    if (from >= end) return;
    const blocks = this.spec.segmentation
      ? this.#segments(source, from, end, options)
      : this.#stream(source, from, end, options);
    for await (const { start, channels } of blocks) {
      const head = Math.max(0, from - start);
      const tail = Math.min(channels[0]!.length, end - start);
      if (tail <= head) continue;
      yield { start: start + head, channels: channels.map((c) => c.subarray(head, tail)) };
    }
  }

  /** Codes as entries of all codebooks joined. */
  #flatCodes(blocks: readonly CodeBlock[], codebooks: number): Tensor {
    const frames = blocks[0]!.frames;
    const flat = new Int32Array(blocks.length * frames * codebooks);
    const { codebookSize } = this.spec;
    blocks.forEach(({ codes }, n) =>
      codes.forEach((code, i) => flat[n * codes.length + i] = code + codebookSize * (i % codebooks))
    );
    return tensor("I32", [blocks.length, frames, codebooks], flat);
  }

  async *#segments(source: CodeSource, from: number, to: number, options: DecodeOptions) {
    const { batch = DEFAULT_BATCH, signal } = options;
    const { header } = source;
    const { length, stride } = this.spec.segmentation!;
    const inside = from % stride;
    const first = Math.floor(from / stride) - (inside < length - stride && from >= stride ? 1 : 0);
    const blocks = source.blocks({ from: first, to: Math.ceil(to / stride) });
    const most = batch || LARGEST_BATCH;
    const groups = batches(blocks, { most, least: batch === 0 ? most : 1 }, (b) => b.frames);
    // The next group's recurrent half runs beside this group's convolutional half.
    const features = oneAhead(
      mapOrdered(groups, 1, (b) => this.#runRecurrent(b, header.codebooks, signal)),
    );
    const segments = mapOrdered(flatten(features), this.#threads, (f) => this.#runConv(f, signal));
    const decoded = segmentPlace(header, 0).frames * this.spec.hop;
    yield* joined(segments, new OverlapAdd({ length: decoded, stride }), stride);
  }

  async #runRecurrent(
    blocks: CodeBlock[],
    codebooks: number,
    signal: AbortSignal | undefined,
  ): Promise<Features[]> {
    signal?.throwIfAborted();
    // The runtime multiplies single rows by another kernel, with other rounding. A segment on its
    // own runs beside a copy, so that every batch size gives the same bits.
    const batch = blocks.length === 1 ? [blocks[0]!, blocks[0]!] : blocks;
    const flat = this.#flatCodes(batch, codebooks);
    const features = await this.#recurrent.run({ flat_codes: flat }, "features", signal);
    const shape = features.shape.with(0, 1);
    const size = features.data.length / batch.length;
    const data = features.data as Float32Array;
    return blocks.map((block, n) => ({
      block,
      tensor: tensor("F32", shape, data.slice(n * size, (n + 1) * size)),
    }));
  }

  async #runConv(
    { block, tensor }: Features,
    signal: AbortSignal | undefined,
  ): Promise<PcmBlock> {
    signal?.throwIfAborted();
    // The overlap with its neighbours fades into the silence and back.
    if (block.isLost) return { start: block.start, channels: this.#silence(block.samples) };
    const audio = await this.#conv.run({ features: tensor }, "audio", signal);
    return { start: block.start, channels: planar(audio, block.samples, block.scale) };
  }

  #silence(samples: number): Planar {
    return Array.from({ length: this.spec.channels }, () => new Float32Array(samples));
  }

  async *#stream(source: CodeSource, from: number, to: number, options: DecodeOptions) {
    const { hop, firstFrames, byteFrames } = this.spec;
    const wanted = Math.floor(from / hop) - sampleContext(this.spec);
    // It begins at a whole byte, so that a pipe is only read forwards.
    const begin = wanted < firstFrames ? 0 : wanted - wanted % byteFrames;
    const end = Math.max(Math.ceil(to / hop), Math.min(firstFrames, source.units));
    const state = this.#conv.newState();
    // The next chunk's recurrent half runs beside this chunk's convolutional half.
    const ahead = oneAhead(this.#features(source, begin, end, options));
    const fade = new LossFade();
    for await (const { block, tensor } of ahead) {
      options.signal?.throwIfAborted();
      const first = block.index === 0;
      const feeds = { features: tensor, ...this.#noise(block) };
      const audio = await this.#conv.step(feeds, "audio", state, first, options.signal);
      const decoded = planar(audio, block.isLost ? hop : block.samples);
      yield { start: block.start, channels: fade.push(decoded, block) };
    }
  }

  /** Features of the frames from `begin` on, after running the recurrent half up to there. */
  async *#features(
    source: CodeSource,
    begin: number,
    end: number,
    { batch = 1, lowLatency = false, preroll, signal }: DecodeOptions,
  ): AsyncGenerator<Features> {
    const state = this.#recurrent.newState();
    const { firstFrames, secondFrames, byteFrames } = this.spec;
    const wanted = preroll === undefined
      ? memoryFrames(this.spec) ?? begin
      : Math.ceil(preroll * secondFrames);
    const warmUp = Math.ceil(wanted / byteFrames) * byteFrames;
    const start = begin - warmUp < firstFrames ? 0 : begin - warmUp;
    const most = lowLatency ? firstFrames : (batch || LARGEST_BATCH) * secondFrames;
    // Doubling keeps ahead of a source of twice real time. Taking what has arrived would do better,
    // but sizes change the last bits, and these must not depend on the moment.
    const chunk = (frame: number) =>
      frame < begin
        ? Math.min(LARGEST_BATCH * secondFrames, begin - frame)
        : Math.min(most, Math.max(firstFrames, frame - begin));
    for await (const block of concealed(source.blocks({ from: start, to: end, chunk }))) {
      signal?.throwIfAborted();
      const tensor = await this.#advance(block, source.header.codebooks, state, signal);
      if (block.index >= begin) yield { block, tensor };
    }
  }

  /** The white noise of a block, and what its bands need before and behind it. */
  #noise({ index, frames }: CodeBlock): { readonly noise?: Tensor } {
    const { noise, hop } = this.spec;
    if (noise === undefined) return {};
    const side = (noise.even - 1) / 2 * noiseStep(this.spec, noise);
    const before = side + noise.taps - 1;
    const data = whiteNoise(index * hop - before, before + frames * hop + side);
    return { noise: tensor("F32", [1, 1, data.length], data) };
  }

  async #advance(
    block: CodeBlock,
    codebooks: number,
    state: StreamState,
    signal: AbortSignal | undefined,
  ): Promise<Tensor> {
    const feeds = { flat_codes: this.#flatCodes([block], codebooks) };
    return await this.#recurrent.step(feeds, "features", state, block.index === 0, signal);
  }

  /** Releases the sessions. */
  [Symbol.dispose](): void {
    this.#recurrent[Symbol.dispose]();
    this.#conv[Symbol.dispose]();
  }
}

async function* flatten<T>(lists: AsyncIterable<T[]>): AsyncGenerator<T> {
  for await (const list of lists) yield* list;
}

/** A graph's audio [1, C, S] as an array per channel, cut to length and multiplied by its scale. */
function planar(audio: Tensor, samples: number, scale = 1): Planar {
  const [, channels = 0, length = 0] = audio.shape.map(Number);
  const data = audio.data as Float32Array;
  return Array.from({ length: channels }, (_, c) => {
    const channel = data.slice(c * length, c * length + samples);
    // A loop, not map: it runs beside the model on the same processors.
    for (let i = 0; i < samples; i++) channel[i]! *= scale;
    return channel;
  });
}

/** Segments joined; the rest of the last one is yielded before a failure is passed on. */
async function* joined(
  segments: AsyncIterable<PcmBlock>,
  join: OverlapAdd,
  stride: number,
): AsyncGenerator<PcmBlock> {
  let end: number | undefined;
  const rest = function* (): Generator<PcmBlock> {
    const tail = join.flush();
    if (end !== undefined && tail[0]!.length > 0) yield { start: end, channels: tail };
  };
  try {
    for await (const { start, channels } of segments) {
      yield { start, channels: join.push(channels) };
      end = start + stride;
    }
  } catch (error) {
    yield* rest();
    throw error;
  }
  yield* rest();
}
