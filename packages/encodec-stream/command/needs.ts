/**
 * What the command can need and `setup` fetches.
 *
 * @module
 */
import { NODE_AV } from "@vcs/media/internal";
import { modelNeed, ONNX_RUNTIME } from "@vcs/onnx/internal";
import {
  BATCH_PARTS,
  CHANNEL_CLIENTS,
  type Need,
  partNeed,
  QUEUE_PARTS,
} from "@vcs/transport/internal";
import { TINY_MODEL } from "../models.ts";
import { CODEC_MODELS } from "../network/catalog.ts";

/** All of it, in the order in which it is fetched. */
export const NEEDS: readonly Need[] = [
  ...[...new Set([ONNX_RUNTIME, NODE_AV, ...CHANNEL_CLIENTS, ...BATCH_PARTS, ...QUEUE_PARTS])].map(
    partNeed,
  ),
  modelNeed(CODEC_MODELS, TINY_MODEL),
];
