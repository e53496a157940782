/**
 * What `config.json` holds beyond the original's settings, so that a run can be understood later.
 *
 * @module
 */
import { sha256Of } from "@vcs/transport/internal";
import config from "../deno.json" with { type: "json" };
import type { EncoderInfo } from "../encoder.ts";

/** Checksums by path, each computed once. */
const checksums = new Map<string, Promise<string>>();

/** Model, weights and tool of a run. */
export async function runDetails(info: EncoderInfo): Promise<Record<string, unknown>> {
  const { weights, activation, precision, embeddingDim } = info;
  const { preprocessing = "pillow-bicubic-centre-crop" } = info;
  let checksum: string | undefined;
  if (weights !== undefined) {
    checksum = await (checksums.get(weights) ?? sha256Of(weights));
    checksums.set(weights, Promise.resolve(checksum));
  }
  return {
    tool: `${config.name} ${config.version}`,
    preprocessing,
    embedding_dim: embeddingDim,
    ...(checksum === undefined ? {} : { weights_sha256: checksum, activation, precision }),
  };
}
