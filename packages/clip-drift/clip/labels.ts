/**
 * Zero-shot labels: which of a few texts describes an image best, by CLIP's text tower.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { modelBytes, Session } from "@vcs/onnx";
import { type CheckpointOptions, openCheckpoint } from "@vcs/onnx/checkpoint";
import { tensor } from "@vcs/transport/tensor";
import type { ResolveOptions } from "@vcs/onnx/store";
import { textGraph } from "./graph.ts";
import { CLIP_MODELS } from "./models.ts";
import { findClipWeights } from "./weights.ts";
import { cosine } from "../drift.ts";
import type { EncoderInfo } from "../encoder.ts";
import { ClipDriftError } from "../errors.ts";
import { ClipTokenizer } from "./tokenizer.ts";

/** A label and how well it fits. */
export interface LabelScore {
  /** The label. */
  readonly text: string;
  /** Its share among all labels, 0 to 1. */
  readonly score: number;
}

/** What cosines are multiplied by: the `logit_scale` that CLIP's training ends at. */
const LOGIT_SCALE = 100;

/** Labels with their embeddings. */
export class Labels {
  readonly #texts: readonly string[];
  readonly #embeddings: readonly Float32Array[];

  /** Makes labels of texts and their embeddings. */
  constructor(texts: readonly string[], embeddings: readonly Float32Array[]) {
    if (texts.length === 0 || texts.length !== embeddings.length) {
      throw new RangeError(
        `Cannot use labels: found ${texts.length} texts and ${embeddings.length} embeddings`,
      );
    }
    this.#texts = texts;
    this.#embeddings = embeddings;
  }

  /** The label that fits an image's embedding best. */
  best(embedding: Float32Array): LabelScore {
    const logits = this.#embeddings.map((label) => LOGIT_SCALE * cosine(label, embedding));
    const most = Math.max(...logits);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0);
    return { text: this.#texts[logits.indexOf(most)]!, score: 1 / total };
  }
}

/** How the tokenizer's merges are fetched. */
type Fetching = Pick<ResolveOptions, "signal" | "onLine">;

/** Files with the merges that may lie beside the weights. */
const MERGE_FILES = ["merges.txt", "bpe_simple_vocab_16e6.txt.gz"];

async function readMerges(weights: string, fetching: Fetching): Promise<Uint8Array> {
  for (const name of MERGE_FILES) {
    const bytes = await Deno.readFile(join(dirname(weights), name)).catch(() => undefined);
    if (bytes !== undefined) return bytes;
  }
  const reference = "hf:openai/clip-vit-base-patch32/merges.txt";
  return await Deno.readFile(await CLIP_MODELS.resolve(reference, fetching));
}

/** Tokens of texts as the graph takes them. */
function tokenTensors(tokenizer: ClipTokenizer, texts: readonly string[], length: number) {
  const tokens = tensor("I64", [texts.length, length]);
  const end = tensor("I64", [texts.length, 1, 1]);
  texts.forEach((text, i) => {
    const ids = tokenizer.encode(text, length);
    tokens.data.set(ids.map(BigInt), i * length);
    end.data[i] = BigInt(ids.length - 1);
  });
  return { tokens, end };
}

/** How the text tower is read. */
type TowerOptions =
  & Pick<ResolveOptions, "signal" | "onLine">
  & Pick<CheckpointOptions, "allowGlobals">;

/**
 * Embeds texts with the text tower that belongs to an encoder, each to as many numbers as an image.
 *
 * @param texts as a person would describe the image
 * @param options how the tokenizer's `merges.txt` is fetched where it is not beside the weights, and
 * which classes of data may stand in these
 * @throws {ClipDriftError} `no-weights` if the model or its file has no text tower
 */
export async function embedTexts(
  texts: readonly string[],
  info: EncoderInfo,
  { allowGlobals = [], ...fetching }: TowerOptions = {},
): Promise<Float32Array[]> {
  const { weights, activation = "quick_gelu" } = info;
  if (weights === undefined) {
    throw new ClipDriftError("no-weights", `Cannot embed texts: ${info.model} has no text tower`);
  }
  const tokenizer = new ClipTokenizer(await readMerges(weights, fetching));
  using checkpoint = await openCheckpoint(weights, { allowGlobals });
  const { text } = findClipWeights(checkpoint);
  if (text === undefined || text.config.vocabulary !== tokenizer.vocabulary) {
    const found = text === undefined ? "no text tower" : `${text.config.vocabulary} tokens`;
    throw new ClipDriftError(
      "no-weights",
      `Cannot embed texts: found ${found} in ${weights}, expected one of ${tokenizer.vocabulary} tokens`,
    );
  }
  const graph = textGraph(text, { activation });
  using session = await Session.open(await modelBytes(graph), { device: "cpu" });
  const { embedding } = await session.run(
    tokenTensors(tokenizer, texts, text.config.contextLength),
  );
  const { embedDim } = text.config;
  const data = embedding!.data as Float32Array;
  return texts.map((_, i) => data.slice(i * embedDim, (i + 1) * embedDim));
}

/**
 * Embeds labels with the text tower that belongs to an encoder.
 *
 * @param texts the labels, as a person would describe the image
 * @param options how the tokenizer's `merges.txt` is fetched where it is not beside the weights, and
 * which classes of data may stand in these
 * @throws {ClipDriftError} `no-weights` if the model or its file has no text tower
 */
export async function openLabels(
  texts: readonly string[],
  info: EncoderInfo,
  options:
    & Pick<ResolveOptions, "signal" | "onLine">
    & Pick<CheckpointOptions, "allowGlobals"> = {},
): Promise<Labels> {
  return new Labels(texts, await embedTexts(texts, info, options));
}
