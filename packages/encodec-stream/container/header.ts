/**
 * The header of an `.ecdc` file: `ECDC`, a version byte, a length, a JSON object.
 *
 * | offset | size | meaning |
 * |---|---|---|
 * | 0 | 4 | `ECDC` |
 * | 4 | 1 | version: 0 (Meta's encodec), 192 or 193 (Encodec-Stream) |
 * | 5 | 4 | N, big-endian: bytes of the JSON |
 * | 9 | N | JSON in UTF-8: `m` model, `al` samples, `nc` codebooks, `lm`; optional `br`, `sr`, `n`, `s`, `t` |
 *
 * @example Write a header and read it back
 * ```ts
 * import { formatHeader, parseHeader } from "@vcs/encodec-stream/ecdc";
 * import assert from "node:assert/strict";
 *
 * const bytes = formatHeader({ model: "encodec_48khz", samples: 480000, codebooks: 8 });
 * const header = parseHeader(bytes);
 * assert.equal(header.version, 0);
 * assert.equal(header.duration, 10);
 * ```
 *
 * @module
 */
import { defined } from "@vcs/transport/portable";
import { EcdcError } from "../errors.ts";
import { type ModelName, type ModelSpec, modelSpec } from "../models.ts";
import { formatJson, type Json, parseJson, PythonNumber } from "./python_json.ts";

/** Bytes before the JSON. */
export const PREFIX_BYTES = 9;

/** Most bytes that the JSON may take, unless more are allowed: it holds a title and two URLs. */
export const MAX_JSON_BYTES: number = 1 << 20;

/** Options of those that read a header. */
export interface HeaderOptions {
  /**
   * Most bytes of the JSON, which takes up to 64 times as many in memory while it is parsed.
   * Default: 1 MiB.
   */
  readonly maxJsonBytes?: number;
}

/** Highest PCM rate that a header may name, in Hz. */
export const MAX_SAMPLE_RATE = 4_000_000;

/**
 * The number of samples in the header of a stream whose length is not known: its end is where its bytes
 * end. 2^53 - 1, the largest whole number that every JSON reader gets right.
 */
export const UNKNOWN_LENGTH: number = Number.MAX_SAFE_INTEGER;

/** Version bytes that are read. */
export type EcdcVersion = 0 | 192 | 193;

/** What a header says, to be written. */
export interface EcdcFields {
  /** Name of the model. */
  readonly model: ModelName;
  /** Samples per channel; {@linkcode UNKNOWN_LENGTH} if that is not known. */
  readonly samples: number;
  /** Codebooks in use: any number from 1 to those of the model. */
  readonly codebooks: number;
  /** True PCM rate in Hz, if the model was fed audio at another rate than its own. */
  readonly sampleRate?: number;
  /** The bitrate in kbit/s that was asked for. */
  readonly bitrate?: number;
  /** Title. */
  readonly title?: string;
  /** URL of the origin. */
  readonly source?: string;
  /** URL of an image. */
  readonly thumbnail?: string;
  /** Version byte. Default: 0 if the PCM has the model's own rate, else 193. */
  readonly version?: EcdcVersion;
}

/** A parsed header. */
export interface EcdcHeader extends EcdcFields {
  /** Version byte. */
  readonly version: EcdcVersion;
  /** Whether the codes are entropy-coded with the language model. */
  readonly lm: boolean;
  /** Numbers of the model. */
  readonly spec: ModelSpec;
  /** PCM rate in Hz: `sr` if there is one, else what the version implies. */
  readonly rate: number;
  /** Seconds of audio. */
  readonly duration: number;
  /** Bytes before the first segment. */
  readonly bytes: number;
  /** Every entry of the JSON, in file order. */
  readonly entries: ReadonlyMap<string, Json>;
}

/** What the first nine bytes say. */
export interface EcdcPrefix {
  /** Version byte. */
  readonly version: EcdcVersion;
  /** Bytes of the JSON that follows. */
  readonly jsonBytes: number;
}

function bad(message: string, cause?: unknown): EcdcError {
  return new EcdcError("bad-header", `Cannot read the .ecdc header: ${message}`, { cause });
}

function isVersion(byte: number): byte is EcdcVersion {
  return byte === 0 || byte === 192 || byte === 193;
}

/**
 * Reads the fixed part.
 *
 * @param bytes at least the first nine bytes, or all of a shorter file
 * @throws {EcdcError} `truncated` for fewer than nine bytes, `bad-header` for another magic number, an
 * unknown version, or a JSON length of 0; `limit` for a longer one than is allowed.
 */
export function parsePrefix(bytes: Uint8Array, options: HeaderOptions = {}): EcdcPrefix {
  if (bytes.length < PREFIX_BYTES) {
    throw new EcdcError(
      "truncated",
      `Cannot read the .ecdc header: found ${bytes.length} bytes, expected at least ${PREFIX_BYTES}`,
    );
  }
  const magic = String.fromCharCode(...bytes.subarray(0, 4));
  if (magic !== "ECDC") throw bad(`found ${JSON.stringify(magic)} at the start, expected "ECDC"`);
  const version = bytes[4]!;
  if (!isVersion(version)) throw bad(`found version ${version}, expected 0, 192 or 193`);
  const jsonBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(5);
  const { maxJsonBytes = MAX_JSON_BYTES } = options;
  if (jsonBytes === 0) throw bad("found a JSON length of 0 bytes, expected 1 or more");
  if (jsonBytes > maxJsonBytes) {
    throw new EcdcError(
      "limit",
      `Cannot read the .ecdc header: found a JSON length of ${jsonBytes} bytes, expected at most ` +
        `${maxJsonBytes}; allow more with { maxJsonBytes }`,
    );
  }
  return { version, jsonBytes };
}

function parseEntries(json: Uint8Array): Map<string, Json> {
  let value: Json;
  try {
    value = parseJson(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json));
  } catch (error) {
    throw bad(
      `the JSON cannot be parsed (${error instanceof Error ? error.message : error})`,
      error,
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw bad("the JSON is not an object");
  }
  return new Map(Object.entries(value));
}

function describe(value: Json | undefined): string {
  if (value === undefined) return "nothing";
  const text = formatJson(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** Readers of one key each; every error names its key. */
class Fields {
  readonly #entries: ReadonlyMap<string, Json>;

  constructor(entries: ReadonlyMap<string, Json>) {
    this.#entries = entries;
  }

  /** A whole number within bounds. */
  whole(key: string, low: number, high: number): number {
    const value = this.#entries.get(key);
    if (typeof value === "number" && value >= low && value <= high) return value;
    throw bad(`key "${key}" is ${describe(value)}, expected a whole number from ${low} to ${high}`);
  }

  /** A text that is required. */
  requiredText(key: string): string {
    const value = this.#entries.get(key);
    if (typeof value === "string") return value;
    throw bad(`key "${key}" is ${describe(value)}, expected a string`);
  }

  /** True or false. */
  flag(key: string): boolean {
    const value = this.#entries.get(key);
    if (typeof value === "boolean") return value;
    throw bad(`key "${key}" is ${describe(value)}, expected true or false`);
  }

  /** An optional number; values of another kind count as absent. */
  number(key: string): number | undefined {
    const value = this.#entries.get(key);
    if (value instanceof PythonNumber) return value.value;
    return typeof value === "number" ? value : undefined;
  }

  /** Optional text; values of another kind count as absent. */
  text(key: string): string | undefined {
    const value = this.#entries.get(key);
    return typeof value === "string" ? value : undefined;
  }
}

/**
 * PCM rate of a file without `sr`. Encodec-Stream's version 192 fed 48 kHz audio to the 24 kHz
 * model as it was, so those files hold 48 kHz PCM.
 */
function impliedRate(version: EcdcVersion, spec: ModelSpec): number {
  return version === 192 && spec.name === "encodec_24khz" ? 48000 : spec.sampleRate;
}

/**
 * Reads the JSON part of a header.
 *
 * @param prefix what the first nine bytes said
 * @param json exactly the JSON's bytes
 * @throws {EcdcError} `bad-header` if a key is missing or out of range, `unsupported` for a file of
 * encodec-rs (key `acv`) or an unknown model.
 */
export function parseJsonHeader(prefix: EcdcPrefix, json: Uint8Array): EcdcHeader {
  const entries = parseEntries(json);
  const fields = new Fields(entries);
  if (entries.has("acv")) {
    throw new EcdcError(
      "unsupported",
      'Cannot read this .ecdc file: key "acv" marks it as one of encodec-rs, whose body has another layout',
    );
  }
  const spec = modelSpec(fields.requiredText("m"));
  const samples = fields.whole("al", 0, Number.MAX_SAFE_INTEGER);
  const codebooks = fields.whole("nc", 1, spec.codebooks);
  const lm = fields.flag("lm");
  const sampleRate = entries.has("sr") ? fields.whole("sr", 1, MAX_SAMPLE_RATE) : undefined;
  const rate = sampleRate ?? impliedRate(prefix.version, spec);
  const { version, jsonBytes } = prefix;
  const optional = defined({
    sampleRate,
    bitrate: fields.number("br"),
    title: fields.text("n"),
    source: fields.text("s"),
    thumbnail: fields.text("t"),
  });
  const base = { version, model: spec.name, spec, samples, codebooks, lm, rate, entries };
  return { ...base, ...optional, duration: samples / rate, bytes: PREFIX_BYTES + jsonBytes };
}

/**
 * Reads a header from the start of a file.
 *
 * @param bytes at least the whole header; what follows is ignored
 * @throws {EcdcError} as {@linkcode parsePrefix} and {@linkcode parseJsonHeader} do, and `truncated`
 * if the bytes end inside the header.
 */
export function parseHeader(bytes: Uint8Array, options: HeaderOptions = {}): EcdcHeader {
  const prefix = parsePrefix(bytes, options);
  const end = PREFIX_BYTES + prefix.jsonBytes;
  if (bytes.length < end) {
    throw new EcdcError(
      "truncated",
      `Cannot read the .ecdc header: found ${bytes.length} bytes, its length field says ${end}`,
    );
  }
  return parseJsonHeader(prefix, bytes.subarray(PREFIX_BYTES, end));
}

function entriesOf(fields: EcdcFields): Record<string, Json> {
  const { model, samples, codebooks, bitrate, sampleRate, title, source, thumbnail } = fields;
  const optional: [string, string | number | undefined][] = [
    ["br", bitrate],
    ["sr", sampleRate],
    ["n", title],
    ["s", source],
    ["t", thumbnail],
  ];
  return {
    m: model,
    al: samples,
    nc: codebooks,
    lm: false,
    ...Object.fromEntries(optional.filter(([, v]) => v !== undefined && v !== "")),
  };
}

/**
 * The version byte that serves most readers: 0 if the PCM has the model's own rate, so that Meta's
 * tool plays it, else 193, which that refuses in place of playing at the wrong speed.
 */
export function versionFor(fields: EcdcFields): EcdcVersion {
  const { sampleRate, model } = fields;
  return sampleRate === undefined || sampleRate === modelSpec(model).sampleRate ? 0 : 193;
}

function checkFields({ model, samples, codebooks, sampleRate }: EcdcFields): void {
  const spec = modelSpec(model);
  const checks: [string, number | undefined, number, number][] = [
    ["samples", samples, 0, Number.MAX_SAFE_INTEGER],
    ["codebooks", codebooks, 1, spec.codebooks],
    ["sample rate", sampleRate, 1, MAX_SAMPLE_RATE],
  ];
  for (const [name, value, low, high] of checks) {
    if (value === undefined) continue;
    if (Number.isSafeInteger(value) && value >= low && value <= high) continue;
    throw new RangeError(
      `Cannot write an .ecdc header: ${name} is ${value}, expected a whole number from ${low} to ${high}`,
    );
  }
}

/**
 * Formats a header: with blanks as Meta's tool does in version 0, without as Encodec-Stream does in
 * 192 and 193; keys in the order `m, al, nc, lm, br, sr, n, s, t`.
 *
 * @param fields what it says; empty texts are omitted
 * @param room total bytes, for a header that is to be overwritten later: JSON may end in blanks.
 * Default: as many as are needed.
 * @throws {RangeError} if a field is out of range, or the header does not fit the room.
 */
export function formatHeader(fields: EcdcFields, room?: number): Uint8Array<ArrayBuffer> {
  checkFields(fields);
  const version = fields.version ?? versionFor(fields);
  const json = new TextEncoder().encode(formatJson(entriesOf(fields), version === 0));
  const size = room ?? PREFIX_BYTES + json.length;
  if (PREFIX_BYTES + json.length > size || size > PREFIX_BYTES + MAX_JSON_BYTES) {
    throw new RangeError(
      `Cannot write an .ecdc header: it takes ${
        PREFIX_BYTES + json.length
      } bytes, there is room for ${Math.min(size, PREFIX_BYTES + MAX_JSON_BYTES)}`,
    );
  }
  const bytes = new Uint8Array(size).fill(0x20);
  bytes.set([0x45, 0x43, 0x44, 0x43, version]);
  new DataView(bytes.buffer).setUint32(5, size - PREFIX_BYTES);
  bytes.set(json, PREFIX_BYTES);
  return bytes;
}
