/**
 * Reads and writes npz files: zip archives of npy files, as `numpy.savez` and
 * `numpy.savez_compressed` make them.
 *
 * @example Write, read one array
 * ```ts
 * import { encodeNpz, NpzReader } from "@vcs/transport/npz";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const bytes = await encodeNpz({ x: tensor("F32", [2, 2]), y: tensor("U8", [5]) });
 * using reader = await NpzReader.open(bytes);
 * assert.deepEqual(reader.names, ["x", "y"]);
 * assert.deepEqual((await reader.read("y")).shape, [5]);
 * ```
 *
 * @module
 */
import { concatBytes } from "./io/bytes.ts";
import { type ByteSource, type ByteSourceInput, openByteSource } from "./io/byte_source.ts";
import { TransportError } from "./errors.ts";
import { BufferedReader } from "./io/buffered_reader.ts";
import { readNpy } from "./npy.ts";
import {
  encodeNpyHeader,
  NPY_MAX_PREFIX,
  npyHeaderLength,
  parseNpyHeader,
} from "./formats/npy_header.ts";
import type { NamedTensors } from "./safetensors.ts";
import { type Tensor, tensorByteLength, tensorBytes, type TensorInfo } from "./tensor.ts";
import { type ZipEntry, ZipReader } from "./formats/zip_reader.ts";
import { zipStream } from "./formats/zip_writer.ts";

const SUFFIX = ".npy";

function arrayName(member: string): string {
  return member.endsWith(SUFFIX) ? member.slice(0, -SUFFIX.length) : member;
}

/** Type and shape of a member; a member of another size than its array is refused. */
async function npyInfo(reader: BufferedReader, entry: ZipEntry): Promise<TensorInfo> {
  const prefix = await reader.take(Math.min(NPY_MAX_PREFIX, entry.size));
  const rest = Math.min(npyHeaderLength(prefix), entry.size) - prefix.length;
  const bytes = concatBytes([prefix, await reader.take(Math.max(rest, 0))]);
  const { dtype, shape, dataOffset } = parseNpyHeader(bytes);
  const wanted = dataOffset + tensorByteLength(dtype, shape);
  if (wanted === entry.size) return { dtype, shape };
  throw new TransportError(
    wanted > entry.size ? "truncated" : "format",
    `Cannot read ${entry.name}: the member has ${entry.size} bytes, ${dtype} [${shape}] takes ${wanted}`,
  );
}

/** Options of the readers. */
export interface NpzReadOptions {
  /**
   * Most bytes that a compressed array may become, and all compressed arrays of a file that is read
   * whole. Stored arrays have no bound but the file. Default: 1 GiB.
   */
  readonly maxBytes?: number;
}

const MAX_INFLATED = 1 << 30;

/** An npz file whose arrays are read on request. */
export class NpzReader implements Disposable {
  readonly #source: ByteSource;
  readonly #zip: ZipReader;
  readonly #members: Map<string, ZipEntry>;
  readonly #maxBytes: number;

  private constructor(source: ByteSource, zip: ZipReader, { maxBytes }: NpzReadOptions) {
    this.#maxBytes = maxBytes ?? MAX_INFLATED;
    this.#source = source;
    this.#zip = zip;
    this.#members = new Map(
      [...zip.entries.values()].map((entry) => [arrayName(entry.name), entry]),
    );
  }

  /**
   * Opens a file and reads its directory.
   *
   * @throws {TransportError} `format`, `truncated`, `unsupported` or `limit`
   */
  static async open(input: ByteSourceInput, options: NpzReadOptions = {}): Promise<NpzReader> {
    const source = await openByteSource(input);
    try {
      const reader = new NpzReader(source, await ZipReader.open(source), options);
      if (reader.#members.size === reader.#zip.entries.size) return reader;
      throw new TransportError(
        "format",
        `Cannot read ${source.name}: two arrays have the same name`,
      );
    } catch (error) {
      source.close();
      throw error;
    }
  }

  /** Names of the arrays, in the order of the archive. */
  get names(): string[] {
    return [...this.#members.keys()];
  }

  /**
   * Reads all arrays.
   *
   * @throws {TransportError} as {@linkcode NpzReader.read}
   */
  async readAll(): Promise<Map<string, Tensor>> {
    this.#checkGrowth(this.#members.values(), "the arrays");
    const tensors = new Map<string, Tensor>();
    const zip = this.#zip.ahead();
    for (const name of this.names) tensors.set(name, await this.#read(name, zip));
    return tensors;
  }

  #checkGrowth(members: Iterable<ZipEntry>, what: string): void {
    let size = 0;
    for (const entry of members) if (!entry.stored) size += entry.size;
    if (size <= this.#maxBytes) return;
    throw new TransportError(
      "limit",
      `Cannot read ${what} of ${this.#source.name}: ${size} bytes once decompressed, ` +
        `expected at most ${this.#maxBytes}; allow more with { maxBytes }`,
    );
  }

  /** An error of one array, which its name is put before. */
  #about(name: string, error: unknown): unknown {
    if (!(error instanceof TransportError)) return error;
    const about = `Cannot read array ${JSON.stringify(name)} of ${this.#source.name}`;
    return new TransportError(error.code, `${about}: ${error.message}`, { cause: error });
  }

  #member(name: string): ZipEntry {
    const entry = this.#members.get(name);
    if (entry) return entry;
    throw new TransportError(
      "missing",
      `Cannot read array ${
        JSON.stringify(name)
      } of ${this.#source.name}: it holds ${this.#members.size} others`,
    );
  }

  /**
   * Type and shape of an array, from the start of its member.
   *
   * @throws {TransportError} `missing`: no array of that name; as {@linkcode readNpy} where the
   * member is not an npy file or is not supported: the message names the array
   */
  async info(name: string): Promise<TensorInfo> {
    return await this.#info(name, this.#zip);
  }

  async #info(name: string, zip: ZipReader): Promise<TensorInfo> {
    const entry = this.#member(name);
    const reader = BufferedReader.of(zip.stream(entry), entry.name);
    try {
      return await npyInfo(reader, entry);
    } catch (error) {
      throw this.#about(name, error);
    } finally {
      await reader[Symbol.asyncDispose]();
    }
  }

  /**
   * Reads an array. A member of another size than its array is refused before it is inflated.
   *
   * @throws {TransportError} as {@linkcode NpzReader.info}; `checksum`: the member is damaged;
   * `limit`: it is compressed and would become larger than is allowed
   */
  async read(name: string): Promise<Tensor> {
    return await this.#read(name, this.#zip);
  }

  async #read(name: string, zip: ZipReader): Promise<Tensor> {
    const member = this.#member(name);
    this.#checkGrowth([member], `array ${JSON.stringify(name)}`);
    // What is stored has the bytes of the file at most.
    if (!member.stored) await this.#info(name, zip);
    const bytes = await zip.read(member);
    try {
      return readNpy(bytes);
    } catch (error) {
      throw this.#about(name, error);
    }
  }

  /** Closes the file. */
  close(): void {
    this.#source.close();
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Reads all arrays of a file.
 *
 * @throws {TransportError} as {@linkcode NpzReader.read}
 */
export async function readNpz(
  input: ByteSourceInput,
  options: NpzReadOptions = {},
): Promise<Map<string, Tensor>> {
  // Not `using`: this runs where the syntax is missing.
  const reader = await NpzReader.open(input, options);
  try {
    return await reader.readAll();
  } finally {
    reader.close();
  }
}

/** Options for writing. */
export interface NpzOptions {
  /** Whether arrays are deflated, as `numpy.savez_compressed` does. Default: false. */
  readonly compress?: boolean;
}

/**
 * Makes an npz file as a stream. Its arrays need not be known beforehand; one is held at a time.
 *
 * @param tensors names and tensors; the stream fails with a `RangeError` where a name comes twice
 * and with a `TypeError` for dtypes that NumPy does not have
 */
export function npzStream(
  tensors: Iterable<[string, Tensor]> | AsyncIterable<[string, Tensor]>,
  options: NpzOptions = {},
): ReadableStream<Uint8Array> {
  return zipStream(members(tensors), options.compress ?? false);
}

async function* members(tensors: Iterable<[string, Tensor]> | AsyncIterable<[string, Tensor]>) {
  const seen = new Set<string>();
  for await (const [name, t] of tensors) {
    if (seen.has(name)) throw new RangeError(`Cannot write array ${name} for the second time`);
    seen.add(name);
    yield { name: `${name}${SUFFIX}`, parts: [encodeNpyHeader(t), tensorBytes(t)] };
  }
}

/**
 * Makes an npz file in memory.
 *
 * @throws {TypeError} for dtypes that NumPy does not have
 */
export async function encodeNpz(
  tensors: NamedTensors,
  options: NpzOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const pairs = tensors instanceof Map ? tensors : Object.entries(tensors);
  const parts: Uint8Array[] = [];
  for await (const part of npzStream(pairs, options)) parts.push(part);
  return concatBytes(parts);
}
