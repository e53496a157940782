/**
 * The header of a safetensors file: eight bytes of length, then JSON that says where each tensor
 * is. Every rule of the format is checked here, before anything is allocated for a tensor.
 *
 * The format is described in the README of huggingface/safetensors; where its Rust reader is more
 * lenient than that text (duplicate names), the text is followed.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import { parseStrictJson } from "./strict_json.ts";
import { type DType, isDType, tensorByteLength, type TensorInfo } from "../tensor.ts";

/** A tensor's place in a safetensors file. */
export interface SafetensorsEntry extends TensorInfo {
  /** First byte in the file. */
  readonly offset: number;
  /** Number of bytes. */
  readonly byteLength: number;
}

/** What a header says. */
export interface SafetensorsHeader {
  /** Tensors by name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  /** Free text by name. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Where the data begins in the file. */
  readonly dataOffset: number;
}

/** Largest header in bytes unless more are allowed: 100,000 tensors fit. The reference has 100 MB. */
export const MAX_SAFETENSORS_HEADER: number = 1 << 24;
/** Most axes of a tensor: PyTorch and NumPy have the same bound. */
const MAX_AXES = 64;
/** Fewest bytes of a header for each name in it that are believed. */
const BYTES_PER_NAME = 16;

/** Key of the free text. */
const METADATA = "__metadata__";

/** Bytes before the header. */
export const SAFETENSORS_PREFIX = 8;

function invalid(what: string): TransportError {
  return new TransportError("format", `Cannot read the safetensors header: ${what}`);
}

/**
 * Length of the header, from the first eight bytes of a file.
 *
 * @param fileSize number of bytes of the whole file, or Infinity where it is not known
 * @param most bytes that the header may have
 * @throws {TransportError} `truncated`, `limit` or `format`
 */
export function safetensorsHeaderLength(
  prefix: Uint8Array,
  fileSize: number,
  most: number = MAX_SAFETENSORS_HEADER,
): number {
  if (prefix.length < SAFETENSORS_PREFIX) {
    throw new TransportError(
      "truncated",
      `Cannot read the safetensors header: found ${prefix.length} bytes, expected at least ${SAFETENSORS_PREFIX}`,
    );
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > most) {
    throw new TransportError(
      "limit",
      `Cannot read the safetensors header: it claims ${length} bytes, expected at most ${most}; allow more with { maxHeaderBytes }`,
    );
  }
  if (length > fileSize - SAFETENSORS_PREFIX) {
    throw new TransportError(
      "truncated",
      `Cannot read the safetensors header: it claims ${length} bytes, the file has ${fileSize}`,
    );
  }
  return length;
}

/** Parses the header; entries of tensors are checked one by one, so that no others are kept. */
function parseJson(bytes: Uint8Array, most: number): Map<string, unknown> {
  if (bytes[0] !== 0x7b) throw invalid("it does not begin with {");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new TransportError("format", "Cannot read the safetensors header: it is not UTF-8", {
      cause,
    });
  }
  // Tensor entries hold arrays: three levels are all that a header has.
  const what = "the safetensors header";
  const dataOffset = SAFETENSORS_PREFIX + bytes.length;
  const value = parseStrictJson(text, {
    ...{ maxDepth: 3, maxObjectDepth: 2, what, wholeNumbers: true, maxItems: MAX_AXES },
    maxKeys: most / BYTES_PER_NAME,
    member: (key, entry) => key === METADATA ? entry : parseEntry(key, entry, dataOffset),
  });
  if (value instanceof Map) return value;
  throw invalid("it is not an object");
}

function counts(value: unknown, what: string): number[] {
  const good = Array.isArray(value) &&
    value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
  if (good) return value as number[];
  throw invalid(`${what} is not a list of whole numbers from 0 to 2^53 - 1`);
}

function parseEntry(name: string, value: unknown, dataOffset: number): SafetensorsEntry {
  const about = `tensor ${JSON.stringify(name)}`;
  if (!(value instanceof Map)) throw invalid(`${about} is not an object`);
  const dtype: unknown = value.get("dtype");
  if (typeof dtype !== "string" || !isDType(dtype)) {
    throw invalid(`${about} has dtype ${JSON.stringify(dtype)}, which is not known`);
  }
  const shape = counts(value.get("shape"), `the shape of ${about}`);
  const [begin, end, ...rest] = counts(value.get("data_offsets"), `data_offsets of ${about}`);
  if (begin === undefined || end === undefined || rest.length > 0 || begin > end) {
    throw invalid(`data_offsets of ${about} are not a begin and an end behind it`);
  }
  const byteLength = bytesOf(about, dtype, shape);
  if (end - begin !== byteLength) {
    throw invalid(`${about} has ${end - begin} bytes, ${dtype} [${shape}] takes ${byteLength}`);
  }
  return { dtype, shape, offset: dataOffset + begin, byteLength };
}

function bytesOf(about: string, dtype: DType, shape: number[]): number {
  try {
    return tensorByteLength(dtype, shape);
  } catch (cause) {
    throw new TransportError("format", `Cannot read the safetensors header: size of ${about}`, {
      cause,
    });
  }
}

function parseMetadata(value: unknown): Map<string, string> {
  if (value === undefined) return new Map();
  const good = value instanceof Map && [...value.values()].every((v) => typeof v === "string");
  if (good) return value as Map<string, string>;
  throw invalid("__metadata__ is not an object of strings");
}

/** Tensors must follow one another without gaps from the start of the data to the end of the file. */
function checkCovered(tensors: Map<string, SafetensorsEntry>, start: number, end: number): void {
  const sorted = [...tensors].sort(([, a], [, b]) =>
    a.offset - b.offset || a.byteLength - b.byteLength
  );
  let at = start;
  for (const [name, { offset, byteLength }] of sorted) {
    if (offset !== at) {
      const what = offset < at ? "overlaps the one before it" : "leaves a hole before it";
      throw invalid(`tensor ${JSON.stringify(name)} ${what}`);
    }
    at += byteLength;
  }
  if (end !== Infinity && at !== end) {
    const kind = at > end ? "truncated" : "format";
    throw new TransportError(
      kind,
      `Cannot read the safetensors file: its tensors end at ${at}, the file at ${end}`,
    );
  }
}

/**
 * Parses and checks a header.
 *
 * @param json the header's bytes, without the length before them
 * @param fileSize number of bytes of the whole file, or Infinity where it is not known
 * @param most bytes that a header may have, which bounds the names in it, too
 * @throws {TransportError} `format`, `limit` or `truncated`
 */
export function parseSafetensorsHeader(
  json: Uint8Array,
  fileSize: number,
  most: number = MAX_SAFETENSORS_HEADER,
): SafetensorsHeader {
  const root = parseJson(json, most);
  const dataOffset = SAFETENSORS_PREFIX + json.length;
  const metadata = parseMetadata(root.get(METADATA));
  root.delete(METADATA);
  const tensors = root as Map<string, SafetensorsEntry>;
  checkCovered(tensors, dataOffset, fileSize);
  return { tensors, metadata, dataOffset };
}
