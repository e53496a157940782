/**
 * CLIP's text tower with its tokenizer.
 *
 * @module
 */
import type { Tensors } from "@vcs/onnx";
import { tensor } from "@vcs/transport/tensor";
import type { TextKind } from "../vit/registry.ts";
import { textGraph } from "./graph.ts";
import { ClipTokenizer } from "./tokenizer.ts";
import { findClipWeights } from "./weights.ts";

/** Files with the merges that may lie beside the weights. */
const MERGE_FILES = ["merges.txt", "bpe_simple_vocab_16e6.txt.gz"];
const PUBLISHED_MERGES = "hf:openai/clip-vit-base-patch32/merges.txt";

/** What cosines are multiplied by: the `logit_scale` that CLIP's training ends at. */
const LOGIT_SCALE = 100;

/** Tokens of texts as the graph takes them. */
function tokenTensors(
  tokenizer: ClipTokenizer,
  texts: readonly string[],
  length: number,
): Tensors {
  const tokens = tensor("I64", [texts.length, length]);
  const end = tensor("I64", [texts.length, 1, 1]);
  texts.forEach((text, i) => {
    const ids = tokenizer.encode(text, length);
    tokens.data.set(ids.map(BigInt), i * length);
    end.data[i] = BigInt(ids.length - 1);
  });
  return { tokens, end };
}

/** CLIP's text tower. */
export const CLIP_TEXT: TextKind = {
  graph: (source, activation) => {
    const { text } = findClipWeights(source);
    return text && textGraph(text, { activation });
  },
  tokens: async (source, beside) => {
    const tokenizer = new ClipTokenizer(await beside(MERGE_FILES, PUBLISHED_MERGES));
    const { contextLength, vocabulary } = findClipWeights(source).text!.config;
    return {
      vocabulary: [vocabulary, tokenizer.vocabulary],
      feeds: (texts) => tokenTensors(tokenizer, texts, contextLength),
      scoring: { scale: LOGIT_SCALE },
    };
  },
};
