/**
 * The published models, and a small one that is bundled with this package: their numbers (rates,
 * segments, codebooks, bandwidths) and where their weights are published.
 *
 * Source: "High Fidelity Neural Audio Compression" (arXiv 2210.13438), "High-Fidelity Audio Compression
 * with Improved RVQGAN" (2306.06546), "Moshi" (2410.00037), and the authors' code.
 *
 * @module
 */
import type { Model } from "@vcs/onnx/store";
import { EcdcError } from "./errors.ts";

/** Name of a model, as `.ecdc` headers spell it. */
export type ModelName =
  | "encodec_24khz"
  | "encodec_48khz"
  | "encodec_32khz"
  | "dac_44khz"
  | "mimi"
  | typeof TINY_MODEL;

/** The small model whose weights are bundled with this package. */
export const TINY_MODEL = "encodec_tiny_24khz";

/** How a model cuts audio into segments, in samples. */
export interface Segmentation {
  /** Samples of a full segment. */
  readonly length: number;
  /** Samples between the starts of neighbours, which overlap by the difference to `length`. */
  readonly stride: number;
}

/** The transformer that predicts the probabilities of codes, for entropy-coded files. */
export interface LanguageModelSpec {
  /** Width of its vectors. */
  readonly size: number;
  /** Transformer layers. */
  readonly layers: number;
  /** Heads of each attention. */
  readonly heads: number;
  /** Width inside the feed-forward layers. */
  readonly feedForward: number;
  /** Seconds that attention looks back. */
  readonly pastSeconds: number;
  /** Where its weights are published. */
  readonly checkpoint: Model;
}

/** What DAC has beyond the numbers of EnCodec. */
export interface DacSpec {
  /** Channels of the decoder's first layer. */
  readonly decoderWidth: number;
  /** Width of the vectors in which codes are compared. */
  readonly codeWidth: number;
}

/** What Mimi has beyond the numbers of EnCodec: transformers in place of recurrent layers. */
export interface MimiSpec {
  /** Layers of each of the two transformers. */
  readonly layers: number;
  /** Heads of each attention. */
  readonly heads: number;
  /** Width inside the feed-forward layers. */
  readonly feedForward: number;
  /** Features that attention sees, the current one included. */
  readonly window: number;
  /** Features of a code frame: what the convolutions give for one. */
  readonly frameFeatures: number;
  /** Width of the vectors in a codebook. */
  readonly codeWidth: number;
  /** Codebooks of the first, semantic quantiser; the others are of the acoustic one beside it. */
  readonly semanticCodebooks: number;
}

/** Bands of noise that a decoder adds to what it computes: hiss need not be coded sample by sample. */
export interface NoiseSpec {
  /** Stages of the decoder before the features that say how loud each band is. */
  readonly stage: number;
  /** Bands. */
  readonly bands: number;
  /** Taps of the filters that make them of white noise. */
  readonly taps: number;
  /** Values of loudness over which each band is made equally loud, an odd number. */
  readonly even: number;
}

/**
 * What keeps a network's values in range: `weight` has kernels under weight norm; `segment` has a norm
 * over the whole segment behind each convolution, and segments scaled by their loudness; `none` plain
 * kernels.
 */
export type NetworkNorm = "weight" | "segment" | "none";

/** The numbers that distinguish one model from another. */
export interface ModelEntry {
  /** Name in headers. */
  readonly name: ModelName;
  /** Native sample rate in Hz. */
  readonly sampleRate: number;
  /** Channels of its input and output. */
  readonly channels: number;
  /** Segments, or undefined if a file is one causal stream. */
  readonly segmentation: Segmentation | undefined;
  /** Its norm. Default: `weight` for a stream, `segment` for segments. */
  readonly norm?: NetworkNorm;
  /** What stands before the first sample and behind the last one. Default: reflect. */
  readonly padding?: "reflect" | "zeros";
  /** Whether the shortcut of a residual layer is a convolution, or the input itself. Default: true. */
  readonly convShortcut?: boolean;
  /** Strides of the decoder's stages; the encoder has them in reverse. */
  readonly strides: readonly number[];
  /** Taps of the first convolution of each half. */
  readonly kernel: number;
  /** Taps of the last one. Default: as many as of the first. */
  readonly lastKernel?: number;
  /** Channels of the first and last layer; each stage doubles or halves them. */
  readonly filters: number;
  /** Width of the latent vectors. */
  readonly latent: number;
  /** Codebooks in the checkpoint. */
  readonly codebooks: number;
  /** Entries of a codebook, at most 65,536. */
  readonly codebookSize: number;
  /** Bandwidths in kbit/s that the model was trained for. */
  readonly bandwidths: readonly number[];
  /** Its language model, or undefined if it has none. */
  readonly languageModel: LanguageModelSpec | undefined;
  /** The numbers of DAC, which is another network. Default: none, it is EnCodec. */
  readonly dac?: DacSpec;
  /** The numbers of Mimi's transformers. Default: none, there are recurrent layers. */
  readonly mimi?: MimiSpec;
  /** The decoder's noise. Default: none. */
  readonly noise?: NoiseSpec;
  /** Whose names the tensors in its file have; either is read. Default: authors. */
  readonly tensorNames?: "authors" | "transformers";
  /** Where its weights are, or undefined where they are given whenever it is opened. */
  readonly checkpoint: Model | undefined;
}

/** The numbers that distinguish one model from another, and those that follow from them. */
export interface ModelSpec extends ModelEntry {
  /** Its norm. */
  readonly norm: NetworkNorm;
  /** What stands before the first sample and behind the last one. */
  readonly padding: "reflect" | "zeros";
  /** Whether the shortcut of a residual layer is a convolution. */
  readonly convShortcut: boolean;
  /** Taps of the last convolution of each half. */
  readonly lastKernel: number;
  /** Samples between two code frames. */
  readonly hop: number;
  /** Bits of a code. */
  readonly codeBits: number;
  /** Bits per second of one codebook. */
  readonly bitsPerCodebook: number;
  /** The fewest frames whose codes are whole bytes with any number of codebooks. */
  readonly byteFrames: number;
  /** Frames of about a second, a multiple of `byteFrames`. */
  readonly secondFrames: number;
  /**
   * Frames of a stream's first chunk: for reflect padding, which needs `kernel`, a multiple of
   * `byteFrames`; one frame where the padding is zeros.
   */
  readonly firstFrames: number;
}

/** Adds the numbers that follow from a model's own. */
export function completeSpec(entry: ModelEntry): ModelSpec {
  const { frameFeatures = 1 } = entry.mimi ?? {};
  const hop = entry.strides.reduce((product, stride) => product * stride, frameFeatures);
  const codeBits = Math.ceil(Math.log2(entry.codebookSize));
  // The lowest set bit is the largest power of two that divides it.
  const byteFrames = 8 / Math.min(8, codeBits & -codeBits);
  const aligned = (frames: number) => Math.ceil(frames / byteFrames) * byteFrames;
  return {
    norm: entry.segmentation === undefined ? "weight" : "segment",
    padding: "reflect",
    convShortcut: true,
    lastKernel: entry.kernel,
    ...entry,
    hop,
    codeBits,
    bitsPerCodebook: entry.sampleRate / hop * codeBits,
    byteFrames,
    secondFrames: aligned(entry.sampleRate / hop),
    firstFrames: entry.padding === "zeros" ? 1 : aligned(entry.kernel),
  };
}

/**
 * A checkpoint at the authors' URL; its name ends in the first digits of its SHA-256. The other
 * digits are published of one only.
 */
function published(name: string, sha256: string, about: string, bytes: number): Model {
  const file = `${name}-${sha256.slice(0, 8)}.th`;
  const url = `https://dl.fbaipublicfiles.com/encodec/v0/${file}`;
  return {
    ...{ name, about, bytes, aliases: [file] },
    files: [{ file, url, sha256, cache: "torch" }],
  };
}

/** The weights that are bundled with this package; `models/train/encodec_tiny.py` trains them. */
const TINY_CHECKPOINT: Model = {
  name: TINY_MODEL,
  aliases: [],
  about: "Small codec of our own, mono, causal, 1.5 to 6 kbit/s",
  bytes: 3_067_902,
  // As `packageFile()` of the store makes it, which does not run everywhere.
  files: [{
    file: "encodec_tiny_24khz-7a82e4c2.safetensors",
    url: new URL("./weights/encodec_tiny_24khz.safetensors", import.meta.url).href,
    sha256: "7a82e4c2e5c9c3342dd9bee57e423deb419ec3ac44714335c3094a7a0a57c75e",
    size: 3_067_902,
  }],
};

/** What the published models have in common. */
const PUBLISHED = {
  strides: [8, 5, 4, 2],
  kernel: 7,
  filters: 32,
  latent: 128,
  codebookSize: 1024,
} as const;

/** What their language models have in common. */
const LANGUAGE_MODEL = { size: 200, layers: 5, heads: 8, feedForward: 800, pastSeconds: 3.5 };

const ENTRIES: readonly ModelEntry[] = [
  {
    ...PUBLISHED,
    name: "encodec_24khz",
    sampleRate: 24000,
    channels: 1,
    segmentation: undefined,
    codebooks: 32,
    bandwidths: [1.5, 3, 6, 12, 24],
    languageModel: {
      ...LANGUAGE_MODEL,
      checkpoint: published(
        "encodec_lm_24khz",
        "1608e3c0",
        "Language model for EnCodec 24 kHz files",
        62.3e6,
      ),
    },
    checkpoint: published(
      "encodec_24khz",
      "d7cc33bcf1aad7f2dad9836f36431530744abeace3ca033005e3290ed4fa47bf",
      "EnCodec, mono, causal, 1.5 to 24 kbit/s",
      93.2e6,
    ),
  },
  {
    ...PUBLISHED,
    name: "encodec_48khz",
    sampleRate: 48000,
    channels: 2,
    segmentation: { length: 48000, stride: 47520 },
    codebooks: 16,
    bandwidths: [3, 6, 12, 24],
    languageModel: {
      ...LANGUAGE_MODEL,
      checkpoint: published(
        "encodec_lm_48khz",
        "7add9fc3",
        "Language model for EnCodec 48 kHz files",
        36.0e6,
      ),
    },
    checkpoint: published("encodec_48khz", "7e698e3e", "EnCodec, stereo, 3 to 24 kbit/s", 76.3e6),
  },
  {
    ...PUBLISHED,
    name: "encodec_32khz",
    sampleRate: 32000,
    channels: 1,
    // The reference takes a whole clip; half a minute, which is MusicGen's longest, bounds memory.
    // What is longer is faded over in two frames.
    segmentation: { length: 960_000, stride: 958_720 },
    norm: "weight",
    convShortcut: false,
    strides: [8, 5, 4, 4],
    filters: 64,
    codebooks: 4,
    codebookSize: 2048,
    bandwidths: [2.2],
    languageModel: undefined,
    tensorNames: "transformers",
    checkpoint: {
      ...{ name: "encodec_32khz", aliases: [], about: "EnCodec of MusicGen, mono, 2.2 kbit/s" },
      bytes: 236e6,
      files: [{ file: "model.safetensors", repository: "facebook/encodec_32khz" }],
    },
  },
  {
    ...PUBLISHED,
    name: "dac_44khz",
    sampleRate: 44100,
    channels: 1,
    // As above, of ten seconds, because its layers are wider.
    segmentation: { length: 862 * 512, stride: 860 * 512 },
    norm: "none",
    dac: { decoderWidth: 1536, codeWidth: 8 },
    strides: [8, 8, 4, 2],
    filters: 64,
    latent: 1024,
    codebooks: 9,
    bandwidths: [2.6, 5.2, 7.76],
    languageModel: undefined,
    tensorNames: "transformers",
    checkpoint: {
      ...{ name: "dac_44khz", aliases: [], about: "DAC, the Descript Audio Codec, mono" },
      bytes: 306e6,
      files: [{ file: "model.safetensors", repository: "descript/dac_44khz" }],
    },
  },
  {
    ...PUBLISHED,
    name: "mimi",
    sampleRate: 24000,
    channels: 1,
    segmentation: undefined,
    norm: "none",
    padding: "zeros",
    convShortcut: false,
    strides: [8, 6, 5, 4],
    lastKernel: 3,
    filters: 64,
    latent: 512,
    codebooks: 32,
    codebookSize: 2048,
    bandwidths: [1.1, 2.2, 4.4],
    mimi: {
      ...{ layers: 8, heads: 8, feedForward: 2048, window: 250 },
      ...{ frameFeatures: 2, codeWidth: 256, semanticCodebooks: 1 },
    },
    languageModel: undefined,
    tensorNames: "transformers",
    checkpoint: {
      ...{ name: "mimi", aliases: [], about: "Mimi, the codec of Moshi, mono, causal, 12.5 Hz" },
      bytes: 385e6,
      files: [{ file: "model.safetensors", repository: "kyutai/mimi" }],
    },
  },
  {
    ...PUBLISHED,
    name: TINY_MODEL,
    sampleRate: 24000,
    channels: 1,
    segmentation: undefined,
    filters: 8,
    latent: 64,
    codebooks: 8,
    bandwidths: [1.5, 3, 6],
    noise: { stage: 1, bands: 9, taps: 127, even: 15 },
    languageModel: undefined,
    checkpoint: TINY_CHECKPOINT,
  },
];

const MODELS: ReadonlyMap<string, ModelSpec> = new Map(
  ENTRIES.map((entry) => [entry.name, completeSpec(entry)]),
);

/**
 * The numbers of a model.
 *
 * @throws {EcdcError} `unsupported` if there is no model of that name.
 */
export function modelSpec(name: string): ModelSpec {
  const spec = MODELS.get(name);
  if (spec) return spec;
  throw new EcdcError(
    "unsupported",
    `Cannot use model ${JSON.stringify(name)}: expected ${MODEL_NAMES.join(", ")}`,
  );
}

/** Names of the models. */
export const MODEL_NAMES: readonly ModelName[] = [...MODELS.values()].map((spec) => spec.name);

/** Number of codebooks that fit a bandwidth in kbit/s. */
export function codebooksFor(spec: ModelSpec, bandwidth: number): number {
  return Math.floor((bandwidth * 1000) / spec.bitsPerCodebook);
}
