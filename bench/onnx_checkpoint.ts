/**
 * EnCodec 48 kHz at full size for benchmarks: a checkpoint file of synthetic weights in the
 * authors' layout, and its decoder made ready from that file.
 *
 * @module
 */
import { modelSpec } from "../packages/encodec-stream/models.ts";
import {
  decoderConvNetwork,
  decoderRecurrentNetwork,
} from "../packages/encodec-stream/network/networks.ts";
import { syntheticCheckpoint } from "../packages/encodec-stream/network/synthetic.ts";
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import { cachedModel, fileIdentity } from "@vcs/onnx";
import { Session } from "@vcs/onnx/session";
import { tensor, tensorBytes } from "@vcs/transport/tensor";
import {
  checkpointFile,
  op,
  rebuilt,
  storage,
} from "../packages/onnx/testdata/checkpoint_cases.ts";

const SPEC = modelSpec("encodec_48khz");
const FRAMES = 150;

function strides(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
}

/** Writes the checkpoint, 76 MB. */
export async function writeCheckpoint(path: string): Promise<void> {
  const source = syntheticCheckpoint("encodec_48khz");
  const items: string[] = [];
  const records: Record<string, Uint8Array> = {};
  for (const [at, name] of source.names.entries()) {
    const t = await source.read(name);
    items.push(op.text(name));
    const of = storage("FloatStorage", String(at), t.data.length);
    items.push(rebuilt(of, 0, [...t.shape], strides(t.shape)));
    records[`data/${at}`] = tensorBytes(t);
  }
  await Deno.writeFile(path, await checkpointFile(op.dict(...items), records));
}

/** The decoder's two sessions. */
export interface Decoder extends Disposable {
  /** Decodes one second. */
  run(): Promise<void>;
}

/** Opens a checkpoint, describes the graphs, finds or builds them in the cache, opens sessions. */
export async function openDecoder(checkpoint: string, cache: string): Promise<Decoder> {
  using source = await openCheckpoint(checkpoint);
  const identity = [await fileIdentity(checkpoint)];
  const [recurrent, conv] = await Promise.all(
    [decoderRecurrentNetwork(SPEC, source), decoderConvNetwork(SPEC, source)].map(async (
      { graph },
    ) => await Session.open(await cachedModel(graph, identity, cache), { device: "cpu" })),
  ) as [Session, Session];
  const flatCodes = tensor("I32", [1, FRAMES, 4]);
  return {
    async run() {
      const { features } = await recurrent.run({ flat_codes: flatCodes });
      await conv.run({ features: features! });
    },
    [Symbol.dispose]() {
      recurrent.close();
      conv.close();
    },
  };
}
