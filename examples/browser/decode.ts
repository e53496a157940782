/**
 * Decodes an `.ecdc` file in a browser: the container, the graphs and the streaming of
 * `@vcs/encodec-stream`, run by onnxruntime-web.
 *
 * @module
 */
import { Decoder, type PcmBlock } from "@vcs/encodec-stream/decoder";
import { type EcdcHeader, EcdcReader } from "@vcs/encodec-stream/ecdc";
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import { encodeWav } from "@vcs/media/wav";
import { openWith, type OrtWeb } from "./ort_web.ts";

export { type HeaderSummary, summarizeHeader } from "@vcs/encodec-stream/ecdc";

/** A decoder that is ready. */
export interface PageDecoder {
  /**
   * Decodes a file.
   *
   * @param onBlock is called with each block of samples as it is decoded
   * @throws {EcdcError} where the file is damaged, or of another model
   */
  decode(
    file: Uint8Array,
    onBlock: (block: PcmBlock, header: EcdcHeader) => void,
  ): Promise<Decoded>;
}

/** A decoded file. */
export interface Decoded {
  /** What its header says. */
  readonly header: EcdcHeader;
  /** Samples of each channel. */
  readonly channels: Float32Array<ArrayBuffer>[];
  /** The same as a WAV file of 32-bit floats. */
  readonly wav: Uint8Array<ArrayBuffer>;
}

/**
 * Builds a model's graphs from its weights and opens them.
 *
 * @param model name of the model
 * @param weights bytes of its checkpoint
 * @param ort the module `onnxruntime-web/wasm`
 */
export async function openDecoder(
  model: "encodec_tiny_24khz",
  weights: Uint8Array,
  ort: OrtWeb,
): Promise<PageDecoder> {
  const source = await openCheckpoint(weights);
  const decoder = await Decoder.open(model, { weights: source, openModel: openWith(ort) });
  return { decode: (file, onBlock) => decode(decoder, file, onBlock) };
}

async function decode(
  decoder: Decoder,
  file: Uint8Array,
  onBlock: (block: PcmBlock, header: EcdcHeader) => void,
): Promise<Decoded> {
  const reader = await EcdcReader.open(file);
  const { header } = reader;
  if (header.model !== decoder.spec.name) {
    throw new TypeError(
      `Cannot decode a file of ${header.model}: this page has the weights of ${decoder.spec.name}`,
    );
  }
  const channels = Array.from(
    { length: header.spec.channels },
    () => new Float32Array(header.samples),
  );
  for await (const block of decoder.decode(reader)) {
    block.channels.forEach((samples, c) => channels[c]!.set(samples, block.start));
    onBlock(block, header);
  }
  const wav = encodeWav(channels, { sampleRate: header.rate, format: "f32" });
  return { header, channels, wav };
}
