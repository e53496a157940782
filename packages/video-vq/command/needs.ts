/**
 * What the command can need and `setup` fetches.
 *
 * @module
 */
import { NODE_AV, SHARP } from "@vcs/media/internal";
import { modelNeed, ONNX_RUNTIME } from "@vcs/onnx/internal";
import {
  BATCH_PARTS,
  CHANNEL_CLIENTS,
  type Need,
  partNeed,
  QUEUE_PARTS,
} from "@vcs/transport/internal";
import { TINY_WEIGHTS } from "../tiny/weights.ts";

/** All of it, in the order in which it is fetched. */
export const NEEDS: readonly Need[] = [
  ...[
    ...new Set([ONNX_RUNTIME, NODE_AV, SHARP, ...CHANNEL_CLIENTS, ...BATCH_PARTS, ...QUEUE_PARTS]),
  ].map(partNeed),
  ...TINY_WEIGHTS.models.map(({ name }) => modelNeed(TINY_WEIGHTS, name)),
];
