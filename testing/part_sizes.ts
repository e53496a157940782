/**
 * Which parts a package fetches at first use, and how much that is.
 *
 * @module
 */
import { MQTT_CLIENT } from "../packages/clip-drift/alerts/mqtt_part.ts";
import { TOML_READER } from "../packages/clip-drift/fleet/toml_part.ts";
import { NODE_AV } from "../packages/media/ffmpeg/node_av_part.ts";
import { SHARP } from "../packages/media/formats/sharp_part.ts";
import { ONNX_RUNTIME } from "../packages/onnx/runtime/runtime_part.ts";
import {
  AMQP_CLIENT,
  KAFKA_CLIENT,
  NATS_CLIENT,
  REDIS_CLIENT,
  S3_SIGNER,
} from "../packages/transport/parts/clients.ts";
import { JOB_QUEUE, PARQUET_WRITER } from "../packages/transport/parts/batch_parts.ts";
import { packagesFor, type Part, totalBytes } from "../packages/transport/parts/part.ts";

const CLIENTS = [REDIS_CLIENT, AMQP_CLIENT, NATS_CLIENT, KAFKA_CLIENT, S3_SIGNER];
const BATCH = [S3_SIGNER, PARQUET_WRITER, REDIS_CLIENT, JOB_QUEUE];

/** Parts by the package whose code asks for them. */
export const PARTS: Readonly<Record<string, readonly Part[]>> = {
  "transport": [...CLIENTS, PARQUET_WRITER, JOB_QUEUE],
  "onnx": [ONNX_RUNTIME],
  "media": [NODE_AV, SHARP],
  "encodec-stream": [ONNX_RUNTIME, NODE_AV, ...CLIENTS, PARQUET_WRITER, JOB_QUEUE],
  "video-vq": [ONNX_RUNTIME, NODE_AV, SHARP, ...CLIENTS, PARQUET_WRITER, JOB_QUEUE],
  "patch-stream": [ONNX_RUNTIME, NODE_AV, SHARP, ...BATCH],
  "clip-drift": [ONNX_RUNTIME, NODE_AV, SHARP, MQTT_CLIENT, TOML_READER, ...BATCH],
  "together": [ONNX_RUNTIME, NODE_AV, SHARP, ...CLIENTS],
};

/** Bytes that a part fetches on a platform, as `linux-x64`. */
export function partSize(part: Part, platform = "linux-x64"): number {
  return totalBytes(packagesFor(part, platform) ?? []);
}
