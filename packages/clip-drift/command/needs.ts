/**
 * What the command can need and `setup` fetches.
 *
 * @module
 */
import { NODE_AV, SHARP } from "@vcs/media/internal";
import { ONNX_RUNTIME } from "@vcs/onnx/internal";
import { MQTT_CLIENT } from "../alerts/mqtt_part.ts";
import { TOML_READER } from "../fleet/toml_part.ts";
import { BATCH_PARTS, type Need, partNeed, QUEUE_PARTS } from "@vcs/transport/internal";

/** All of it, in the order in which it is fetched. */
export const NEEDS: readonly Need[] = [
  ONNX_RUNTIME,
  SHARP,
  NODE_AV,
  MQTT_CLIENT,
  TOML_READER,
  ...BATCH_PARTS,
  ...QUEUE_PARTS,
]
  .map(partNeed);
