/**
 * Receives live sound in a browser, over a `ws:` channel, and decodes it.
 *
 * @module
 */
import { Decoder, LiveSource, type PcmBlock } from "@vcs/encodec-stream/decoder";
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import { openSocketReceiver } from "@vcs/transport/portable";
import { openWith, type OrtWeb } from "./ort_web.ts";

/** Milliseconds for which a server may be gone. */
const TIMEOUT = 60_000;

/** What has come so far. */
export interface Heard {
  /** Blocks of codes. */
  readonly received: number;
  /** Of them, those that never came. */
  readonly lost: number;
  /** Bytes of codes. */
  readonly bytes: number;
  /** Connections that were made. */
  readonly connections: number;
}

/** Sound that comes. */
export interface Listening {
  /** Samples per second. */
  readonly rate: number;
  /** Samples, which come no faster than they are taken. */
  readonly blocks: AsyncIterable<PcmBlock>;
  /** What has come so far. */
  readonly heard: () => Heard;
}

/**
 * Waits for the first block of sound.
 *
 * @param url of the channel, at the site that the page came from
 * @param model name of the model that the codes are of
 * @param weights bytes of its checkpoint
 * @param ort the module `onnxruntime-web/wasm`
 */
export async function listen(
  url: string,
  model: "encodec_tiny_24khz",
  weights: Uint8Array,
  ort: OrtWeb,
): Promise<Listening> {
  const receiver = openSocketReceiver(url, { timeout: TIMEOUT });
  const source = await LiveSource.open(receiver);
  const { model: sent, rate } = source.header;
  if (sent !== model) {
    throw new TypeError(`Cannot decode codes of ${sent}: this page has the weights of ${model}`);
  }
  const checkpoint = await openCheckpoint(weights);
  const decoder = await Decoder.open(model, { weights: checkpoint, openModel: openWith(ort) });
  const heard = () => {
    const { received, lost, bytes } = source.statistics;
    return { received, lost, bytes, connections: receiver.counters.connections };
  };
  return { rate, blocks: decoder.decode(source, { lowLatency: true }), heard };
}
