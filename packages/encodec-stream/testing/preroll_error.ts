/**
 * How far a seek with preroll is from an exact one.
 *
 * @module
 */
import { packCodes } from "../container/bits.ts";
import { formatHeader } from "../container/header.ts";
import { EcdcReader } from "../container/reader.ts";
import type { Decoder } from "../decoder.ts";
import type { ModelSpec } from "../models.ts";
import { hashed } from "../network/synthetic.ts";

/** A file of random codes in eight codebooks. */
export function randomFile(
  { name, sampleRate, hop, codebookSize, codeBits }: ModelSpec,
  seconds: number,
): Uint8Array<ArrayBuffer> {
  const codebooks = 8;
  const samples = seconds * sampleRate;
  const codes = Uint16Array.from(
    { length: Math.ceil(samples / hop) * codebooks },
    (_, i) => Math.floor((hashed(99, i) + 0.5) * codebookSize),
  );
  const header = formatHeader({ model: name, samples, codebooks });
  const body = packCodes(codes, codeBits);
  const file = new Uint8Array(header.length + body.length);
  file.set(header);
  file.set(body, header.length);
  return file;
}

/** Energy of the difference over that of the exact audio in dB, in the second from `at` on. */
export async function prerollError(
  decoder: Decoder,
  file: Uint8Array,
  at: number,
  preroll: number,
): Promise<number> {
  await using reader = await EcdcReader.open(file);
  const { rate } = reader.header;
  const range = { from: at * rate, to: (at + 1) * rate };
  const [exact, near] = [
    await Array.fromAsync(decoder.decode(reader, range)),
    await Array.fromAsync(decoder.decode(reader, { ...range, preroll })),
  ].map((blocks) => blocks.flatMap(({ channels }) => [...channels[0]!]));
  const energy = (values: number[]) => values.reduce((sum, v) => sum + v * v, 0);
  return 10 * Math.log10(energy(exact!.map((v, i) => v - near![i]!)) / energy(exact!));
}
