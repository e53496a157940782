/**
 * Zero-shot labels: which of a few texts describes an image best, by the model's text tower.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { modelBytes, Session, stateDict } from "@vcs/onnx";
import { type CheckpointOptions, openCheckpoint } from "@vcs/onnx/checkpoint";
import type { ResolveOptions } from "@vcs/onnx/store";
import { ENCODER_MODELS } from "../vit/models.ts";
import { type Beside, kindOf, type Scoring } from "../vit/registry.ts";
import { cosine } from "../drift.ts";
import type { EncoderInfo } from "../encoder.ts";
import { ClipDriftError } from "../errors.ts";

/** A label and how well it fits. */
export interface LabelScore {
  /** The label. */
  readonly text: string;
  /** Its share among all labels, or with SigLIP its own probability: 0 to 1. */
  readonly score: number;
}

/** Labels with their embeddings. */
export class Labels {
  readonly #texts: readonly string[];
  readonly #embeddings: readonly Float32Array[];
  readonly #scoring: Scoring;

  /**
   * Makes labels of texts and their embeddings.
   *
   * @param scoring how cosines become scores. Default: CLIP's.
   */
  constructor(
    texts: readonly string[],
    embeddings: readonly Float32Array[],
    scoring: Scoring = { scale: 100 },
  ) {
    if (texts.length === 0 || texts.length !== embeddings.length) {
      throw new RangeError(
        `Cannot use labels: found ${texts.length} texts and ${embeddings.length} embeddings`,
      );
    }
    this.#texts = texts;
    this.#embeddings = embeddings;
    this.#scoring = scoring;
  }

  /** The label that fits an image's embedding best. */
  best(embedding: Float32Array): LabelScore {
    const { scale, bias } = this.#scoring;
    const logits = this.#embeddings.map((label) => scale * cosine(label, embedding) + (bias ?? 0));
    const most = Math.max(...logits);
    const total = bias === undefined
      ? logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0)
      : 1 + Math.exp(-most);
    return { text: this.#texts[logits.indexOf(most)]!, score: 1 / total };
  }
}

/** How the tokenizer's vocabulary is fetched. */
type Fetching = Pick<ResolveOptions, "signal" | "onLine">;

/** Reads the first of some files beside the weights, else a published one. */
async function readBeside(
  weights: string,
  names: readonly string[],
  published: string,
  fetching: Fetching,
): Promise<Uint8Array> {
  for (const name of names) {
    const bytes = await Deno.readFile(join(dirname(weights), name)).catch(() => undefined);
    if (bytes !== undefined) return bytes;
  }
  return await Deno.readFile(await ENCODER_MODELS.resolve(published, fetching));
}

/** How the text tower is read. */
type TowerOptions =
  & Pick<ResolveOptions, "signal" | "onLine">
  & Pick<CheckpointOptions, "allowGlobals">;

/** Runs a text tower, and says how its cosines become scores. */
async function runTexts(
  texts: readonly string[],
  { model, weights, activation = "quick_gelu" }: EncoderInfo,
  { allowGlobals = [], ...fetching }: TowerOptions,
): Promise<{ embeddings: Float32Array[]; scoring: Scoring }> {
  const missing = (found: string) =>
    new ClipDriftError("no-weights", `Cannot embed texts: ${found}`);
  if (weights === undefined) throw missing(`${model} has no text tower`);
  using checkpoint = await openCheckpoint(weights, { allowGlobals });
  const source = stateDict(checkpoint);
  const { text } = kindOf(source);
  if (text === undefined) throw missing(`${model} has no text tower`);
  const graph = text.graph(source, activation);
  if (graph === undefined) throw missing(`found no text tower in ${weights}, expected one`);
  const beside: Beside = (names, published) => readBeside(weights, names, published, fetching);
  const { vocabulary: [found, expected], feeds, scoring } = await text.tokens(source, beside);
  if (found !== expected) {
    throw missing(`found ${found} tokens in ${weights}, expected one of ${expected} tokens`);
  }
  using session = await Session.open(await modelBytes(graph), { device: "cpu" });
  const { embedding } = await session.run(feeds(texts));
  const data = embedding!.data as Float32Array;
  const size = data.length / texts.length;
  const embeddings = texts.map((_, i) => data.slice(i * size, (i + 1) * size));
  return { embeddings, scoring };
}

/**
 * Embeds texts with the text tower that belongs to an encoder, each to as many numbers as an image.
 *
 * @param texts as a person would describe the image
 * @param options how the tokenizer's file is fetched where it is not beside the weights, and which
 * classes of data may stand in these
 * @throws {ClipDriftError} `no-weights` if the model or its file has no text tower
 */
export async function embedTexts(
  texts: readonly string[],
  info: EncoderInfo,
  options: TowerOptions = {},
): Promise<Float32Array[]> {
  return (await runTexts(texts, info, options)).embeddings;
}

/**
 * Embeds labels with the text tower that belongs to an encoder.
 *
 * @param texts the labels, as a person would describe the image
 * @param options how the tokenizer's file is fetched where it is not beside the weights, and which
 * classes of data may stand in these
 * @throws {ClipDriftError} `no-weights` if the model or its file has no text tower
 */
export async function openLabels(
  texts: readonly string[],
  info: EncoderInfo,
  options:
    & Pick<ResolveOptions, "signal" | "onLine">
    & Pick<CheckpointOptions, "allowGlobals"> = {},
): Promise<Labels> {
  const { embeddings, scoring } = await runTexts(texts, info, options);
  return new Labels(texts, embeddings, scoring);
}
