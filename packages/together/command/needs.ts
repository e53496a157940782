/**
 * What the command can need and `setup` fetches.
 *
 * @module
 */
import { CODEC_MODELS, TINY_MODEL } from "@vcs/encodec-stream";
import { NODE_AV, SHARP } from "@vcs/media/internal";
import { modelNeed, ONNX_RUNTIME } from "@vcs/onnx/internal";
import { CHANNEL_CLIENTS, type Need, partNeed } from "@vcs/transport/internal";
import { TINY_WEIGHTS } from "@vcs/video-vq/internal";

/** All of it, in the order in which it is fetched. */
export const NEEDS: readonly Need[] = [
  ...[...new Set([ONNX_RUNTIME, NODE_AV, SHARP, ...CHANNEL_CLIENTS])].map(partNeed),
  ...TINY_WEIGHTS.models.map(({ name }) => modelNeed(TINY_WEIGHTS, name)),
  modelNeed(CODEC_MODELS, TINY_MODEL),
];
