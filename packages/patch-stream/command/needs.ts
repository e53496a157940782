/**
 * What the command can need and `setup` fetches.
 *
 * @module
 */
import { NODE_AV, SHARP } from "@vcs/media/internal";
import { ONNX_RUNTIME } from "@vcs/onnx/internal";
import { BATCH_PARTS, type Need, partNeed, QUEUE_PARTS } from "@vcs/transport/internal";

/** All of it, in the order in which it is fetched. */
export const NEEDS: readonly Need[] = [NODE_AV, ONNX_RUNTIME, SHARP, ...BATCH_PARTS, ...QUEUE_PARTS]
  .map(partNeed);
