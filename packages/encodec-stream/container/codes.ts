/**
 * Codes as data: the whole of a file as arrays, for training and analysis, and back.
 *
 * @example Codes of a file, changed
 * ```ts
 * import { readCodes, writeCodes } from "@vcs/encodec-stream";
 * import { EcdcReader, formatHeader } from "@vcs/encodec-stream/ecdc";
 * import { packCodes } from "@vcs/encodec-stream/internal";
 * import assert from "node:assert/strict";
 *
 * const file = new Blob([
 *   formatHeader({ model: "encodec_24khz", samples: 640, codebooks: 2 }),
 *   packCodes(Uint16Array.of(1, 2, 3, 4)),
 * ]);
 * await using reader = await EcdcReader.open(await file.bytes());
 * const codes = await readCodes(reader);
 * assert.deepEqual(codes.codes.shape, [2, 2]);
 * assert.deepEqual([...codes.codes.data], [1, 3, 2, 4]);
 *
 * const parts: Uint8Array[] = [];
 * await writeCodes(codes, { write: (bytes) => Promise.resolve(void parts.push(bytes)) });
 * ```
 *
 * @module
 */
import { defined } from "@vcs/transport/portable";
import { encodeSafetensors, readSafetensors } from "@vcs/transport/safetensors";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { EcdcError } from "../errors.ts";
import { modelSpec } from "../models.ts";
import { writerFields } from "./edit.ts";
import { type EcdcFields, formatHeader, parseHeader } from "./header.ts";
import type { EcdcReader } from "./reader.ts";
import { segmentCount, segmentPlace } from "./segments.ts";
import { type EcdcSink, EcdcWriter } from "./writer.ts";

/** All codes of a file. */
export interface Codes {
  /** What the header says. */
  readonly fields: EcdcFields;
  /** Codes [codebooks, frames]; at 48 kHz the frames of all segments one after the other. */
  readonly codes: Tensor<"I32">;
  /** At 48 kHz the loudness of each segment [segments]; undefined at 24 kHz. */
  readonly scales: Tensor<"F32"> | undefined;
}

/** Where the fields are in the metadata of a safetensors file: a header without its codes. */
const METADATA = "ecdc";

/** Swaps the axes of codes: [frames, codebooks] to [codebooks, frames] with `rows` codebooks. */
function transposed(codes: ArrayLike<number>, rows: number): Int32Array<ArrayBuffer> {
  const columns = codes.length / rows;
  return Int32Array.from(
    { length: codes.length },
    (_, i) => codes[(i % columns) * rows + Math.floor(i / columns)]!,
  );
}

/**
 * Reads all codes of a file into memory.
 *
 * @throws {EcdcError} what reading throws: `truncated`, `bad-segment`, `unsupported`.
 */
export async function readCodes(reader: EcdcReader): Promise<Codes> {
  const { header } = reader;
  const blocks = await Array.fromAsync(reader.blocks());
  const samples = blocks.reduce((end, block) => Math.max(end, block.start + block.samples), 0);
  const flat = new Uint16Array(blocks.reduce((sum, { codes }) => sum + codes.length, 0));
  let at = 0;
  for (const { codes } of blocks) {
    flat.set(codes, at);
    at += codes.length;
  }
  const { codebooks, spec } = header;
  const scales = Float32Array.from(blocks, ({ scale }) => scale ?? 1);
  return {
    fields: { ...writerFields(header), samples },
    codes: tensor("I32", [codebooks, flat.length / codebooks], transposed(flat, codebooks)),
    scales: spec.segmentation ? tensor("F32", [blocks.length], scales) : undefined,
  };
}

/** Segments of some codes with their places among the frames. */
function* places({ model, samples }: EcdcFields, codebooks: number) {
  const extent = { spec: modelSpec(model), samples, codebooks };
  let frame = 0;
  for (let index = 0; index < segmentCount(extent.spec, samples); index++) {
    const { frames } = segmentPlace(extent, index);
    yield { index, frame, frames };
    frame += frames;
  }
}

/** What does not fit together in some codes. */
function faultOf({ fields, codes, scales }: Codes): string | undefined {
  const spec = modelSpec(fields.model);
  const [codebooks = 0, frames = 0] = codes.shape;
  const segments = [...places(fields, codebooks)];
  const expected = segments.reduce((sum, place) => sum + place.frames, 0);
  if (codes.shape.length !== 2 || codebooks !== fields.codebooks || frames !== expected) {
    return `codes [${codes.shape}], expected [${fields.codebooks}, ${expected}]`;
  }
  const isScaled = spec.segmentation ? scales?.data.length === segments.length : !scales;
  if (!isScaled) {
    return `${scales?.data.length ?? "no"} scales, expected ${
      spec.segmentation ? segments.length : "none"
    }`;
  }
  const wrong = codes.data.find((code) => !(code >= 0 && code < spec.codebookSize));
  return wrong === undefined ? undefined : `code ${wrong}, expected 0 to ${spec.codebookSize - 1}`;
}

/**
 * Writes codes as an `.ecdc` file.
 *
 * @throws {EcdcError} `unsupported` if codes, scales and fields do not fit together, `bad-segment` for
 * a scale that is not one.
 */
export async function writeCodes(codes: Codes, sink: EcdcSink): Promise<void> {
  const { fields, scales } = codes;
  const fault = faultOf(codes);
  if (fault) throw new EcdcError("unsupported", `Cannot write codes: found ${fault}`);
  const writer = new EcdcWriter(sink, fields);
  const frames = codes.codes.shape[1]!;
  const flat = transposed(codes.codes.data, frames);
  for (const place of places(fields, fields.codebooks)) {
    const [from, to] = [place.frame, place.frame + place.frames].map((f) => f * fields.codebooks);
    const scale = scales?.data[place.index];
    await writer.write({ codes: Uint16Array.from(flat.subarray(from, to)), ...defined({ scale }) });
  }
  await writer.close(fields.samples);
}

/** Codes as a safetensors file: tensors `codes` and, at 48 kHz, `scales`, and the header as metadata. */
export function encodeCodes({ fields, codes, scales }: Codes): Uint8Array<ArrayBuffer> {
  const metadata = { [METADATA]: formatHeader(fields).toBase64() };
  return encodeSafetensors(scales ? { codes, scales } : { codes }, metadata);
}

/** Whole numbers of any size as I32; undefined for other tensors. */
function asCodes({ dtype, shape, data }: Tensor): Tensor<"I32"> | undefined {
  if (!/^[IU]\d+$/.test(dtype)) return undefined;
  const sides = shape.length === 3 && shape[0] === 1 ? shape.slice(1) : shape;
  return tensor("I32", sides, Int32Array.from(data as ArrayLike<number | bigint>, Number));
}

function headerBytes(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text);
  } catch (cause) {
    const message = "Cannot read codes: found a header that is no base64";
    throw new EcdcError("bad-header", message, { cause });
  }
}

/**
 * Reads what {@linkcode encodeCodes} wrote, whatever whole numbers the codes are now.
 *
 * @throws {EcdcError} `unsupported` if the file has no codes, or no header; `bad-header` if that is
 * damaged.
 */
export function decodeCodes(bytes: Uint8Array): Codes {
  const { tensors, metadata } = readSafetensors(bytes);
  const found = tensors.get("codes");
  const codes = found && asCodes(found);
  const header = metadata.get(METADATA);
  if (!codes || header === undefined) {
    throw new EcdcError(
      "unsupported",
      `Cannot read codes: found ${[...tensors.keys()].join(", ") || "no tensors"}, ` +
        "expected whole numbers named codes and the metadata ecdc",
    );
  }
  const { samples, ...rest } = parseHeader(headerBytes(header));
  const scales = tensors.get("scales");
  return {
    fields: { ...writerFields({ samples, ...rest }), samples },
    codes,
    scales: scales?.dtype === "F32" ? scales as Tensor<"F32"> : undefined,
  };
}

/**
 * Codes of an array alone, as NumPy keeps it: those of a model that is one stream.
 *
 * @param array whole numbers [codebooks, frames] or [1, codebooks, frames]
 * @throws {EcdcError} `unsupported` if it is another array, or the model has segments, whose loudness
 * an array lacks.
 */
export function codesOfArray(array: Tensor, model: EcdcFields["model"]): Codes {
  const spec = modelSpec(model);
  const codes = asCodes(array);
  const [codebooks = 0, frames = 0] = codes?.shape ?? [];
  if (!codes || codes.shape.length !== 2 || spec.segmentation) {
    throw new EcdcError(
      "unsupported",
      `Cannot read codes: found ${array.dtype} [${array.shape}] for ${model}, expected whole ` +
        "numbers [codebooks, frames] of a model that is one stream (others as safetensors)",
    );
  }
  return { fields: { model, codebooks, samples: frames * spec.hop }, codes, scales: undefined };
}
