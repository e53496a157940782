/**
 * Reads and writes npy files, NumPy's format for one array (NEP 1; versions 1.0, 2.0 and 3.0 of
 * `numpy/lib/_format_impl.py`). Object arrays hold pickles and are refused; the header is parsed,
 * never evaluated. Fortran order and big-endian numbers are converted.
 *
 * @example
 * ```ts
 * import { encodeNpy, readNpy } from "@vcs/transport/npy";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const x = tensor("I32", [2, 2], new Int32Array([1, 2, 3, 4]));
 * assert.deepEqual(readNpy(encodeNpy(x)), x);
 * ```
 *
 * @module
 */
import { concatBytes } from "./io/bytes.ts";
import { type ByteSource, type ByteSourceInput, openByteSource } from "./io/byte_source.ts";
import { TransportError } from "./errors.ts";
import { BufferedReader } from "./io/buffered_reader.ts";
import { streamOf } from "./io/stream_of.ts";
import {
  encodeNpyHeader,
  NPY_MAX_PREFIX,
  NPY_MIN_PREFIX,
  type NpyHeader,
  npyHeaderLength,
  parseNpyHeader,
} from "./formats/npy_header.ts";
import {
  type Tensor,
  tensorByteLength,
  tensorBytes,
  tensorFromBytes,
  type TensorInfo,
} from "./tensor.ts";
import { checkBooleans } from "./formats/booleans.ts";
import { packedStrides, packStrided, swapByteOrder } from "./formats/tensor_layout.ts";

/** Converts the data of a file to a tensor: byte order first, then the order of axes. */
function toTensor(header: NpyHeader, shape: readonly number[], bytes: Uint8Array): Tensor {
  return checkBooleans(arrange(header, shape, bytes), "of the npy file");
}

function arrange(header: NpyHeader, shape: readonly number[], bytes: Uint8Array): Tensor {
  const { dtype, bigEndian, fortran } = header;
  // Not `slice`: of a Buffer that is a view.
  const own = bigEndian ? new Uint8Array(bytes) : bytes;
  if (bigEndian) swapByteOrder(dtype, own);
  if (!fortran) return tensorFromBytes(dtype, shape, own);
  const strides = packedStrides([...shape].reverse()).reverse();
  return packStrided(dtype, shape, strides, own);
}

/** In Fortran order a row is not contiguous, unless there is only one axis. */
function refuseFortran({ fortran, shape }: NpyHeader): void {
  if (!fortran || shape.length < 2) return;
  throw new TransportError("unsupported", "Cannot read rows of an array in Fortran order");
}

function checkSize(header: NpyHeader, fileSize: number): void {
  const wanted = header.dataOffset + tensorByteLength(header.dtype, header.shape);
  if (fileSize === wanted) return;
  throw new TransportError(
    fileSize < wanted ? "truncated" : "format",
    `Cannot read the npy file: it has ${fileSize} bytes, ${header.dtype} [${header.shape}] takes ${wanted}`,
  );
}

/**
 * Reads a file in memory. The tensor is a view of the bytes where they are aligned, in C order and
 * little-endian.
 *
 * @throws {TransportError} `format`, `truncated`, `limit`, or `unsupported` for object, structured,
 * string and time arrays
 */
export function readNpy(bytes: Uint8Array): Tensor {
  const header = parseNpyHeader(bytes);
  checkSize(header, bytes.length);
  return toTensor(header, header.shape, bytes.subarray(header.dataOffset));
}

/** An npy file whose rows are read on request. */
export class NpyReader implements Disposable {
  readonly #source: ByteSource;
  readonly #header: NpyHeader;

  private constructor(source: ByteSource, header: NpyHeader) {
    this.#source = source;
    this.#header = header;
  }

  /**
   * Opens a file and reads its header.
   *
   * @throws {TransportError} as {@linkcode readNpy}
   */
  static async open(input: ByteSourceInput): Promise<NpyReader> {
    const source = await openByteSource(input);
    try {
      const prefix = await source.read(0, Math.min(NPY_MAX_PREFIX, source.size));
      const length = Math.min(npyHeaderLength(prefix), source.size);
      const header = parseNpyHeader(await source.read(0, length));
      checkSize(header, source.size);
      return new NpyReader(source, header);
    } catch (error) {
      source.close();
      throw error;
    }
  }

  /** Type and shape of the array. */
  get info(): TensorInfo {
    return { dtype: this.#header.dtype, shape: this.#header.shape };
  }

  /** Reads the whole array. */
  async read(): Promise<Tensor> {
    const { dtype, shape, dataOffset } = this.#header;
    const bytes = await this.#source.read(dataOffset, tensorByteLength(dtype, shape));
    return toTensor(this.#header, shape, bytes);
  }

  /**
   * Reads a range along the first axis.
   *
   * @param start first row
   * @param end one past the last row
   * @throws {RangeError} where the array is a scalar or the range leaves its first axis
   * @throws {TransportError} `unsupported`: the array is in Fortran order, its rows are not contiguous
   */
  async readRows(start: number, end: number): Promise<Tensor> {
    const { dtype, shape: [rows, ...rest], dataOffset } = this.#header;
    const whole = Number.isInteger(start) && Number.isInteger(end);
    if (rows === undefined || !whole || start < 0 || end < start || end > rows) {
      throw new RangeError(`Cannot read rows ${start} to ${end}: the array has ${rows ?? "none"}`);
    }
    refuseFortran(this.#header);
    const row = tensorByteLength(dtype, rest);
    const bytes = await this.#source.read(dataOffset + start * row, (end - start) * row);
    return toTensor(this.#header, [end - start, ...rest], bytes);
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
 * Reads a file from a stream, some rows at a time, holding no more than those.
 *
 * @example
 * ```ts
 * import { encodeNpy, streamNpy } from "@vcs/transport/npy";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const body = new Blob([encodeNpy(tensor("F32", [10, 4]))]);
 * const shapes: number[][] = [];
 * for await (const { shape } of streamNpy(body.stream(), 4)) shapes.push([...shape]);
 * assert.deepEqual(shapes, [[4, 4], [4, 4], [2, 4]]);
 * ```
 *
 * @param rows rows of each tensor but the last, which may have fewer; a scalar comes by itself
 * @throws {RangeError} where `rows` is not a whole number of one or more
 * @throws {TransportError} as {@linkcode readNpy}; `unsupported` for arrays in Fortran order
 */
export async function* streamNpy(
  stream: ReadableStream<Uint8Array>,
  rows: number,
): AsyncGenerator<Tensor> {
  if (!Number.isSafeInteger(rows) || rows < 1) {
    throw new RangeError(`Cannot read ${rows} rows at a time: expected 1 or more`);
  }
  const reader = BufferedReader.of(stream, "the npy file");
  try {
    yield* rowsFrom(reader, rows);
  } finally {
    await reader[Symbol.asyncDispose]();
  }
}

async function* rowsFrom(reader: BufferedReader, rows: number): AsyncGenerator<Tensor> {
  const header = await readHeader(reader);
  const { dtype, shape: [count, ...rest] } = header;
  if (count === undefined) {
    yield toTensor(header, [], await reader.take(tensorByteLength(dtype, [])));
  } else {
    refuseFortran(header);
    // Rows without bytes cost nothing to claim: they come in one piece, not one by one.
    const step = tensorByteLength(dtype, rest) === 0 ? Math.max(count, 1) : rows;
    for (let at = 0; at < count; at += step) {
      const shape = [Math.min(step, count - at), ...rest];
      yield toTensor(header, shape, await reader.take(tensorByteLength(dtype, shape)));
    }
  }
  await reader.end();
}

async function readHeader(reader: BufferedReader): Promise<NpyHeader> {
  const prefix = await reader.take(NPY_MIN_PREFIX);
  const more = prefix[6] === 1 ? 0 : NPY_MAX_PREFIX - NPY_MIN_PREFIX;
  const start = concatBytes([prefix, await reader.take(more)]);
  const rest = await reader.take(npyHeaderLength(start) - start.length);
  return parseNpyHeader(concatBytes([start, rest]));
}

/**
 * Makes an npy file in memory.
 *
 * @throws {TypeError} for BF16 and the 8-bit and smaller floats, which NumPy does not have
 */
export function encodeNpy(t: Tensor): Uint8Array<ArrayBuffer> {
  return concatBytes([encodeNpyHeader(t), tensorBytes(t)]);
}

/**
 * Makes an npy file as a stream, from parts along the first axis: one part is held at a time.
 *
 * @example An array of a thousand rows, ten at a time
 * ```ts
 * import { npyStream, readNpy } from "@vcs/transport/npy";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * async function* parts() {
 *   for (let i = 0; i < 100; i++) yield tensor("F32", [10, 4]);
 * }
 * const file = npyStream({ dtype: "F32", shape: [1000, 4] }, parts());
 * const bytes = new Uint8Array(await new Response(file).arrayBuffer());
 * assert.deepEqual(readNpy(bytes).shape, [1000, 4]);
 * ```
 *
 * @param info type and shape of the array
 * @param parts tensors that follow one another along the first axis; the stream fails with a
 * `RangeError` where they do not add up to `info`
 * @throws {TypeError} for dtypes that NumPy does not have
 */
export function npyStream(
  info: TensorInfo,
  parts: Iterable<Tensor> | AsyncIterable<Tensor>,
): ReadableStream<Uint8Array> {
  const header = encodeNpyHeader(info);
  return streamOf(npyChunks(info, header, parts));
}

async function* npyChunks(
  info: TensorInfo,
  header: Uint8Array,
  parts: Iterable<Tensor> | AsyncIterable<Tensor>,
): AsyncGenerator<Uint8Array> {
  yield header;
  const [rows = 1, ...rest] = info.shape;
  let written = 0;
  for await (const part of parts) {
    const [count = 1, ...shape] = part.shape;
    if (part.dtype !== info.dtype || shape.join() !== rest.join() || written + count > rows) {
      throw new RangeError(
        `Cannot write ${part.dtype} [${part.shape}] after row ${written} of ${info.dtype} [${info.shape}]`,
      );
    }
    written += count;
    yield tensorBytes(part);
  }
  if (written !== rows) throw new RangeError(`Cannot end the npy file: ${written} of ${rows} rows`);
}
