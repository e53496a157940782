/**
 * Material for the benchmarks of encodec-stream: files of any length, made as they are read.
 */
import { EcdcReader, formatHeader } from "@vcs/encodec-stream/ecdc";
import { segmentCount, segmentPlace } from "@vcs/encodec-stream/internal";
import { type ModelName, modelSpec } from "@vcs/encodec-stream/models";

/** The bytes of a file whose codes are a counter, without ever holding them all. */
export async function* fileBytes(
  model: ModelName,
  seconds: number,
  codebooks: number,
): AsyncGenerator<Uint8Array> {
  const spec = modelSpec(model);
  const samples = Math.round(seconds * spec.sampleRate);
  yield await Promise.resolve(formatHeader({ model, samples, codebooks }));
  const extent = { spec, samples, codebooks };
  for (let k = 0; k < segmentCount(spec, samples); k++) {
    const { bytes } = segmentPlace(extent, k);
    for (let at = 0; at < bytes; at += 65536) {
      const part = new Uint8Array(Math.min(65536, bytes - at)).map((_, i) => (at + i) * 89 + k);
      if (spec.segmentation) new DataView(part.buffer).setFloat32(0, 0.1);
      yield part;
    }
  }
}

/** Writes such a file. */
export async function writeFile(
  path: string,
  model: ModelName,
  seconds: number,
  codebooks: number,
): Promise<void> {
  await Deno.writeFile(path, ReadableStream.from(fileBytes(model, seconds, codebooks)));
}

/** Opens such a file as a stream. */
export function openStream(
  model: ModelName,
  seconds: number,
  codebooks: number,
): Promise<EcdcReader> {
  return EcdcReader.open(ReadableStream.from(fileBytes(model, seconds, codebooks)));
}
