/**
 * The encoder of a film's sound, chosen by its bitrate.
 *
 * @module
 */
import {
  availableModel,
  codebooksFor,
  type CodecOptions,
  Encoder,
  modelSpec,
} from "@vcs/encodec-stream";

/**
 * Opens the encoder of 24 kHz: the published model if its weights are on this machine, else the
 * small one that is bundled.
 *
 * @param bitrate most kbit/s of its codes
 * @throws {OnnxError} if its checkpoint or the device cannot be used.
 */
export async function openSoundEncoder(
  bitrate: number,
  options: CodecOptions = {},
): Promise<Encoder> {
  const model = await availableModel("encodec_24khz");
  const spec = modelSpec(model);
  const codebooks = Math.min(spec.codebooks, Math.max(1, codebooksFor(spec, bitrate)));
  return await Encoder.open(model, codebooks, options);
}
