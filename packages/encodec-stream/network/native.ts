/**
 * What codecs need of the machine: checkpoints in files, and sessions of the ONNX Runtime that
 * `@vcs/onnx` finds. Apart from what runs everywhere, and loaded only when it is used.
 *
 * @module
 */
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import { cachedModel, fileIdentity, stateDict } from "@vcs/onnx";
import { modelBytes } from "@vcs/onnx/graph";
import { isServed } from "@vcs/onnx/devices";
import { Session } from "@vcs/onnx/session";
import { defined } from "@vcs/transport/portable";
import { CODEC_MODELS } from "./catalog.ts";
import {
  type CodecOptions,
  type OpenedModel,
  type RunOptions,
  servedName,
  type Weights,
} from "./model_session.ts";
import type { ModelSpec } from "../models.ts";
import { originalNames } from "./transformers_names.ts";
import type { Network } from "./networks.ts";
import { type CheckpointKind, syntheticCheckpoint } from "./synthetic.ts";

/** Finds a checkpoint by name, path or URL, and opens it. */
export async function findWeights(
  spec: ModelSpec,
  kind: CheckpointKind,
  options: CodecOptions,
): Promise<Weights> {
  const published = kind === "codec" ? spec.checkpoint : spec.languageModel?.checkpoint;
  const name = published?.name ?? spec.name;
  const model = servedName(spec, kind);
  const { weights = name, resolve, catalog = CODEC_MODELS } = options;
  if (weights === "synthetic") {
    const source = syntheticCheckpoint(spec, kind);
    return { model, source, identity: `synthetic ${name}`, [Symbol.dispose]: () => {} };
  }
  const path = await catalog.resolve(weights as string, resolve);
  const file = await openCheckpoint(path, defined({ allowGlobals: options.allowGlobals }));
  return {
    model,
    source: originalNames(spec, stateDict(file)),
    identity: await fileIdentity(path, options.cache),
    [Symbol.dispose]: () => file.close(),
  };
}

/** A function that opens a network's model, which is built into the cache first if it is not there. */
export async function prepareSession(
  network: Network,
  weights: Weights,
  { device, threads, cache }: RunOptions,
): Promise<() => Promise<OpenedModel>> {
  const options = defined({ device, threads });
  if (device !== undefined && isServed(device)) {
    return async () => await Session.open(`${weights.model}.${network.graph.name}`, options);
  }
  if (weights.identity === undefined) {
    return async () => await Session.open(await modelBytes(network.graph), options);
  }
  const path = await cachedModel(network.graph, [weights.identity], cache);
  return async () => await Session.open(path, options);
}
