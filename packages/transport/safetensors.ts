/**
 * Reads and writes safetensors files: at once, tensor by tensor, or as streams.
 *
 * @example Write and read
 * ```ts
 * import { encodeSafetensors, readSafetensors } from "@vcs/transport/safetensors";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const bytes = encodeSafetensors({ x: tensor("F32", [2], new Float32Array([1, 2])) }, {
 *   made: "here",
 * });
 * const { tensors, metadata } = readSafetensors(bytes);
 * assert.deepEqual(tensors.get("x")?.data, new Float32Array([1, 2]));
 * assert.equal(metadata.get("made"), "here");
 * ```
 *
 * @example One tensor of a large file
 * ```ts
 * import { encodeSafetensors, SafetensorsReader } from "@vcs/transport/safetensors";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile();
 * await Deno.writeFile(path, encodeSafetensors({ x: tensor("U8", [3]), y: tensor("I32", []) }));
 * {
 *   using reader = await SafetensorsReader.open(path);
 *   assert.deepEqual(reader.names, ["y", "x"]); // wide elements lie first
 *   assert.deepEqual((await reader.read("y")).shape, []);
 * }
 * await Deno.remove(path);
 * ```
 *
 * @module
 */
import { type ByteSource, type ByteSourceInput, openByteSource } from "./io/byte_source.ts";
import { TransportError } from "./errors.ts";
import { checkBooleans } from "./formats/booleans.ts";
import { BufferedReader } from "./io/buffered_reader.ts";
import { streamOf } from "./io/stream_of.ts";
import {
  parseSafetensorsHeader,
  SAFETENSORS_PREFIX,
  type SafetensorsEntry,
  type SafetensorsHeader,
  safetensorsHeaderLength,
} from "./formats/safetensors_header.ts";
import {
  DTYPES,
  type Tensor,
  tensorByteLength,
  tensorBytes,
  tensorFromBytes,
  type TensorInfo,
} from "./tensor.ts";

export type { SafetensorsEntry } from "./formats/safetensors_header.ts";

/** What a safetensors file holds. */
export interface SafetensorsContent {
  /** Tensors by name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Free text by name. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** Options of the readers. */
export interface SafetensorsOptions {
  /**
   * Most bytes of the header, whose names and shapes take up to eight times as many in memory.
   * Default: 16 MiB, which 100,000 tensors fit; the reference reader has 100 MB.
   */
  readonly maxHeaderBytes?: number;
}

/**
 * Reads a file in memory. Tensors are views of the bytes where they are aligned, else copies.
 *
 * @throws {TransportError} `format`, `truncated` or `limit`
 */
export function readSafetensors(
  bytes: Uint8Array,
  { maxHeaderBytes }: SafetensorsOptions = {},
): SafetensorsContent {
  const length = safetensorsHeaderLength(bytes, bytes.length, maxHeaderBytes);
  const json = bytes.subarray(SAFETENSORS_PREFIX, SAFETENSORS_PREFIX + length);
  const header = parseSafetensorsHeader(json, bytes.length, maxHeaderBytes);
  const tensors = new Map<string, Tensor>();
  for (const [name, { dtype, shape, offset, byteLength }] of header.tensors) {
    const slice = bytes.subarray(offset, offset + byteLength);
    tensors.set(name, checkBooleans(tensorFromBytes(dtype, shape, slice), name));
  }
  return { tensors, metadata: header.metadata };
}

/** A safetensors file whose tensors are read on request. */
export class SafetensorsReader implements Disposable {
  readonly #source: ByteSource;
  readonly #header: SafetensorsHeader;

  private constructor(source: ByteSource, header: SafetensorsHeader) {
    this.#source = source;
    this.#header = header;
  }

  /**
   * Opens a file and reads its header.
   *
   * @throws {TransportError} `format`, `truncated` or `limit`
   */
  static async open(
    input: ByteSourceInput,
    { maxHeaderBytes }: SafetensorsOptions = {},
  ): Promise<SafetensorsReader> {
    const source = await openByteSource(input);
    try {
      const prefix = await source.read(0, Math.min(SAFETENSORS_PREFIX, source.size));
      const length = safetensorsHeaderLength(prefix, source.size, maxHeaderBytes);
      const json = await source.read(SAFETENSORS_PREFIX, length);
      const header = parseSafetensorsHeader(json, source.size, maxHeaderBytes);
      return new SafetensorsReader(source, header);
    } catch (error) {
      source.close();
      throw error;
    }
  }

  /** Names of the tensors, in the order of the header. */
  get names(): string[] {
    return [...this.#header.tensors.keys()];
  }

  /** Free text by name. */
  get metadata(): ReadonlyMap<string, string> {
    return this.#header.metadata;
  }

  /** Bytes read so far. */
  get bytesRead(): number {
    return this.#source.bytesRead;
  }

  /**
   * What the file says about a tensor, and where its bytes are.
   *
   * @throws {TransportError} `missing`: no tensor of that name
   */
  info(name: string): SafetensorsEntry {
    const entry = this.#header.tensors.get(name);
    if (entry) return entry;
    throw new TransportError(
      "missing",
      `Cannot read tensor ${
        JSON.stringify(name)
      } of ${this.#source.name}: it holds ${this.#header.tensors.size} others`,
    );
  }

  /**
   * Reads one tensor.
   *
   * @throws {TransportError} `missing`: no tensor of that name; `format`: a boolean is neither 0 nor 1
   */
  async read(name: string): Promise<Tensor> {
    const { dtype, shape, offset, byteLength } = this.info(name);
    const bytes = await this.#source.read(offset, byteLength);
    return checkBooleans(tensorFromBytes(dtype, shape, bytes), name);
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
 * Reads a file from a stream, tensor after tensor in the order of their bytes, holding one at a
 * time.
 *
 * @example
 * ```ts
 * import { encodeSafetensors, streamSafetensors } from "@vcs/transport/safetensors";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const body = new Blob([encodeSafetensors({ a: tensor("U8", [3]), b: tensor("U8", [4]) })]);
 * const sizes: number[] = [];
 * for await (const [, { data }] of streamSafetensors(body.stream())) sizes.push(data.length);
 * assert.deepEqual(sizes, [3, 4]);
 * ```
 *
 * @throws {TransportError} `format`, `truncated` or `limit`
 */
export async function* streamSafetensors(
  stream: ReadableStream<Uint8Array>,
  options: SafetensorsOptions = {},
): AsyncGenerator<[name: string, tensor: Tensor]> {
  const reader = BufferedReader.of(stream, "the safetensors file");
  try {
    yield* tensorsFrom(reader, options);
  } finally {
    await reader[Symbol.asyncDispose]();
  }
}

async function* tensorsFrom(
  reader: BufferedReader,
  { maxHeaderBytes }: SafetensorsOptions,
): AsyncGenerator<[string, Tensor]> {
  const prefix = await reader.take(SAFETENSORS_PREFIX);
  const length = safetensorsHeaderLength(prefix, Infinity, maxHeaderBytes);
  const json = await reader.take(length);
  const { tensors } = parseSafetensorsHeader(json, Infinity, maxHeaderBytes);
  const sorted = [...tensors].sort(([, a], [, b]) =>
    a.offset - b.offset || a.byteLength - b.byteLength
  );
  for (const [name, { dtype, shape, byteLength }] of sorted) {
    const bytes = await reader.take(byteLength);
    yield [name, checkBooleans(tensorFromBytes(dtype, shape, bytes), name)];
  }
  await reader.end();
}

/** Tensors by name; a Map also takes names such as `__proto__`. */
export type NamedTensors<T extends TensorInfo = Tensor> =
  | Readonly<Record<string, T>>
  | ReadonlyMap<string, T>;

/**
 * By dtype from the last to the first, then by name: the reference writer's order. Wide elements
 * come first, so that each tensor is aligned.
 */
function writeOrder<T extends TensorInfo>(tensors: NamedTensors<T>): [string, T][] {
  const pairs: [string, T][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  return pairs.sort(([a, x], [b, y]) =>
    DTYPES.indexOf(y.dtype) - DTYPES.indexOf(x.dtype) || (a < b ? -1 : 1)
  );
}

function checkName(name: string): void {
  if (name !== "__metadata__" && name.isWellFormed()) return;
  throw new RangeError(
    `Cannot write a tensor named ${
      JSON.stringify(name)
    }: the format keeps __metadata__ for itself, and names must be well-formed Unicode`,
  );
}

function checkMetadata(metadata: Readonly<Record<string, string>>): void {
  for (const text of Object.entries(metadata).flat()) {
    if (text.isWellFormed()) continue;
    throw new RangeError(
      `Cannot write metadata ${JSON.stringify(text)}: expected well-formed Unicode`,
    );
  }
}

function encodeHeader(
  tensors: [string, TensorInfo][],
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  checkMetadata(metadata);
  // A list of members, because an object would sort keys that look like numbers and lose __proto__.
  const members: string[] = [];
  if (Object.keys(metadata).length > 0) members.push(`"__metadata__":${JSON.stringify(metadata)}`);
  let at = 0;
  for (const [name, { dtype, shape }] of tensors) {
    checkName(name);
    const end = at + tensorByteLength(dtype, shape);
    members.push(
      `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [at, end] })}`,
    );
    at = end;
  }
  const json = new TextEncoder().encode(`{${members.join(",")}}`);
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(SAFETENSORS_PREFIX + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, SAFETENSORS_PREFIX);
  return bytes;
}

/**
 * Makes a file in memory.
 *
 * @param tensors tensors by name
 * @param metadata free text by name
 * @throws {RangeError} where a name is `__metadata__`, or a name or the metadata is not
 * well-formed Unicode
 */
export function encodeSafetensors(
  tensors: NamedTensors,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const sorted = writeOrder(tensors);
  const header = encodeHeader(sorted, metadata);
  const size = sorted.reduce((sum, [, t]) => sum + t.data.byteLength, header.length);
  const bytes = new Uint8Array(size);
  bytes.set(header);
  let at = header.length;
  for (const [, t] of sorted) {
    bytes.set(tensorBytes(t), at);
    at += t.data.byteLength;
  }
  return bytes;
}

/** A tensor to be written: its type and shape, which the header needs, and how to get it. */
export interface TensorToWrite extends TensorInfo {
  /** Loads the tensor, when its turn has come. */
  load(): Tensor | Promise<Tensor>;
}

/**
 * Makes a file as a stream: each tensor is loaded when its turn comes and then released, so that a
 * large checkpoint can be rewritten without holding all of it.
 *
 * @example
 * ```ts
 * import { readSafetensors, safetensorsStream } from "@vcs/transport/safetensors";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const file = safetensorsStream({
 *   x: { dtype: "F32", shape: [2], load: () => tensor("F32", [2], new Float32Array([1, 2])) },
 * });
 * const bytes = new Uint8Array(await new Response(file).arrayBuffer());
 * assert.deepEqual(readSafetensors(bytes).tensors.get("x")?.data, new Float32Array([1, 2]));
 * ```
 *
 * @param tensors what to write, by name; the stream fails with a `RangeError` where a loaded tensor
 * is of another type or shape
 * @param metadata free text by name
 * @throws {RangeError} where a name is `__metadata__`, or a name or the metadata is not
 * well-formed Unicode
 */
export function safetensorsStream(
  tensors: NamedTensors<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): ReadableStream<Uint8Array> {
  const sorted = writeOrder(tensors);
  const header = encodeHeader(sorted, metadata);
  return streamOf(fileChunks(header, sorted));
}

async function* fileChunks(
  header: Uint8Array,
  tensors: [string, TensorToWrite][],
): AsyncGenerator<Uint8Array> {
  yield header;
  for (const [name, info] of tensors) {
    const t = await info.load();
    if (t.dtype !== info.dtype || t.shape.join() !== info.shape.join()) {
      throw new RangeError(
        `Cannot write tensor ${
          JSON.stringify(name)
        }: found ${t.dtype} [${t.shape}], the header says ${info.dtype} [${info.shape}]`,
      );
    }
    yield tensorBytes(t);
  }
}
