/**
 * The kinds of networks that make embeddings, one entry each: what their files look like, how images
 * are framed for them, their towers, and their models that can be had by name.
 *
 * @module
 */
import type { GraphBuilder, Tensors } from "@vcs/onnx";
import type { TensorSource } from "@vcs/onnx/checkpoint";
import type { Model } from "@vcs/onnx/store";
import { tensor } from "@vcs/transport/tensor";
import { type Activation, type ClipGraphOptions, clipVit } from "../clip/graph.ts";
import { CLIP_MODELS } from "../clip/models.ts";
import { cropBox, type Framing } from "../clip/preprocess.ts";
import { CLIP_TEXT } from "../clip/text.ts";
import { findClipWeights } from "../clip/weights.ts";
import { dinov2Vit, isDinov2 } from "./dinov2.ts";
import { DINOV2_MODELS, SIGLIP_MODELS, SIGLIP_VOCABULARY } from "./models.ts";
import { isSiglip, siglipScoring, siglipTextGraph, siglipTextSizes, siglipVit } from "./siglip.ts";
import { UnigramTokenizer } from "./unigram.ts";
import type { Vit } from "./vit.ts";

/** How a cosine becomes a score. */
export interface Scoring {
  /** What cosines are multiplied by. */
  readonly scale: number;
  /**
   * What is added to the product, whose sigmoid is the probability of each text by itself. Default:
   * scores are shares among all texts.
   */
  readonly bias?: number;
}

/** Reads the first file of these names beside the weights, else a published one. */
export type Beside = (names: readonly string[], published: string) => Promise<Uint8Array>;

/** How texts become what a text tower takes, and its embeddings scores. */
export interface TextTokens {
  /** Different tokens of the weights, and of the tokenizer. */
  readonly vocabulary: readonly [weights: number, tokenizer: number];
  /** Texts as the graph takes them. */
  readonly feeds: (texts: readonly string[]) => Tensors;
  /** How cosines become scores. */
  readonly scoring: Scoring;
}

/** The text tower of a kind of network. */
export interface TextKind {
  /** The graph; undefined where a file has no text tower. Output: `embedding`. */
  readonly graph: (source: TensorSource, activation: Activation) => GraphBuilder | undefined;
  /** The tokenizer, for a file that has one. */
  readonly tokens: (source: TensorSource, beside: Beside) => Promise<TextTokens>;
}

/** A kind of network. */
export interface EncoderKind {
  /** Its name, for people. */
  readonly name: string;
  /** Name of the image tower's graph. */
  readonly graph: string;
  /** Its models. */
  readonly models: readonly Model[];
  /** Whether a file is of this kind, by the names of its tensors. */
  readonly isIn: (source: TensorSource) => boolean;
  /** The image tower; CLIP's trainings differ. */
  readonly vit: (source: TensorSource, training: ClipGraphOptions) => Vit;
  /** How an image becomes the square that the tower takes. */
  readonly framing: Framing;
  /** The same in a word, for `config.json`. */
  readonly preprocessing: string;
  /** The text tower; undefined where the kind has none. */
  readonly text?: TextKind;
}

const CLIP: EncoderKind = {
  name: "CLIP",
  graph: "clip-vision",
  models: CLIP_MODELS.models,
  // What is of no other kind: its refusal names what it found.
  isIn: () => true,
  vit: (source, training) => clipVit(findClipWeights(source).vision, training),
  framing: cropBox,
  preprocessing: "pillow-bicubic-centre-crop",
  text: CLIP_TEXT,
};

/** DINOv2's shorter side before the crop. */
const DINOV2_SIDE = 256;

const DINOV2: EncoderKind = {
  name: "DINOv2",
  graph: "dinov2",
  models: DINOV2_MODELS,
  isIn: isDinov2,
  vit: dinov2Vit,
  framing: (width, height, size) => {
    const box = cropBox(width, height, DINOV2_SIDE);
    const before = (side: number) => Math.floor((side - size) / 2);
    return { ...box, left: before(box.width), top: before(box.height) };
  },
  preprocessing: "pillow-bicubic-256-centre-crop",
};

const SIGLIP: EncoderKind = {
  name: "SigLIP",
  graph: "siglip-vision",
  models: SIGLIP_MODELS,
  isIn: isSiglip,
  vit: siglipVit,
  framing: (_width, _height, size) => ({ width: size, height: size, left: 0, top: 0 }),
  preprocessing: "pillow-bicubic-both-sides",
  text: {
    graph: (source) => siglipTextSizes(source) && siglipTextGraph(source),
    tokens: async (source, beside) => {
      const tokenizer = new UnigramTokenizer(await beside(["tokenizer.json"], SIGLIP_VOCABULARY));
      const { contextLength: length, vocabulary } = siglipTextSizes(source)!;
      return {
        vocabulary: [vocabulary, tokenizer.vocabulary],
        feeds: (texts) => {
          const ids = texts.flatMap((text) => tokenizer.encode(text, length)).map(BigInt);
          return { tokens: tensor("I64", [texts.length, length], BigInt64Array.from(ids)) };
        },
        scoring: await siglipScoring(source),
      };
    },
  },
};

/** All kinds; the first that a file is of is its own. */
export const ENCODER_KINDS: readonly EncoderKind[] = [DINOV2, SIGLIP, CLIP];

/** The kind of a file. */
export function kindOf(source: TensorSource): EncoderKind {
  return ENCODER_KINDS.find(({ isIn }) => isIn(source)) ?? CLIP;
}

/** The kind that a model's name belongs to, as `ViT-B-32`; undefined where no kind has it. */
export function kindOfModel(model: string): EncoderKind | undefined {
  return ENCODER_KINDS.find(({ models }) =>
    models.some(({ name }) => name.startsWith(`${model}/`))
  );
}
