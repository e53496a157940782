/**
 * Opens the authors' own checkpoint files and gives their tensors by name, each read when it is
 * asked for: PyTorch's zip layout (`.pt`, `.pth`, `.th`, `.ckpt`), TorchScript archives, PyTorch's
 * legacy layout, and safetensors.
 *
 * A pickle is read as data: nothing in it is called, imported or looked up. Names that are not on
 * the list of tensors and plain data classes are refused, all at once. Arrays of NumPy are tensors,
 * its scalars plain values; those of texts, times and structures are values that say "not read".
 *
 * Names: keys and list positions are joined by `/`, attributes of objects by `.`. A flat state dict
 * keeps its keys, a Lightning checkpoint has `state_dict/encoder.conv_in.weight`, a TorchScript
 * archive `visual.conv1.weight`. `@vcs/onnx` looks inside the usual wrappers.
 *
 * @example
 * ```ts
 * import { openCheckpoint } from "@vcs/onnx/checkpoint";
 * import { encodeSafetensors } from "@vcs/transport/safetensors";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const file = encodeSafetensors({ "conv.weight": tensor("F32", [4, 3]) });
 * using checkpoint = await openCheckpoint(file);
 * assert.deepEqual(checkpoint.names, ["conv.weight"]);
 * assert.deepEqual(checkpoint.info("conv.weight"), { dtype: "F32", shape: [4, 3] });
 * assert.equal((await checkpoint.read("conv.weight")).data.length, 12);
 * ```
 *
 * @module
 */
import { TransportError } from "@vcs/transport/errors";
import { SafetensorsReader } from "@vcs/transport/safetensors";
import { type DType, dtypeSize, type Tensor, type TensorInfo } from "@vcs/transport/tensor";
import {
  type ByteSource,
  type ByteSourceInput,
  checkBooleans,
  openByteSource,
  packStrided,
  swapByteOrder,
} from "@vcs/transport/portable";
import { type CheckpointValue, type NamedLeaves, nameLeaves } from "./torch/checkpoint_names.ts";
import { OnnxError, type OnnxErrorCode } from "./errors.ts";
import { Budget, DEFAULT_TREE_BYTES } from "./torch/budget.ts";
import type { TorchArchive } from "./torch/archive.ts";
import { openTorchLegacy } from "./torch/legacy.ts";
import type { TorchStorage, TorchTensor } from "./torch/tensor.ts";
import { openTorchZip } from "./torch/zip.ts";

export type { CheckpointValue } from "./torch/checkpoint_names.ts";

/** Named tensors that are read when they are asked for. */
export interface TensorSource {
  /** Names of the tensors, in the order of the file. */
  readonly names: readonly string[];
  /** Whether there is a tensor of that name. */
  has(name: string): boolean;
  /**
   * Type and shape of a tensor; nothing is read.
   *
   * @throws {RangeError} no tensor of that name
   */
  info(name: string): TensorInfo;
  /**
   * Reads a tensor: little-endian, in C order, whatever its strides were.
   *
   * @throws {RangeError} no tensor of that name
   * @throws {OnnxError} `checkpoint-invalid` or `checksum-mismatch`: the file is damaged there
   */
  read(name: string): Promise<Tensor>;
}

/** An opened checkpoint. */
export interface Checkpoint extends TensorSource, Disposable {
  /** What kind of file it is. */
  readonly format: "torch" | "torchscript" | "torch-legacy" | "safetensors";
  /** Plain values by name: epoch, hyper-parameters, a safetensors file's metadata. */
  readonly metadata: ReadonlyMap<string, CheckpointValue>;
  /** Bytes read from the file so far. */
  readonly bytesRead: number;
  /** Closes the file. */
  close(): void;
}

/** Options of {@linkcode openCheckpoint}. */
export interface CheckpointOptions {
  /**
   * Dotted names of further classes that may stand in the pickle. They become inert stand-ins, like
   * `argparse.Namespace`; tensors in their attributes are named like others. Default: none.
   */
  readonly allowGlobals?: Iterable<string>;
  /**
   * Most bytes of memory that what the file says of its tensors may take: names, shapes, plain
   * values. Default: 128 MiB, which 50,000 tensors fit.
   */
  readonly maxBytes?: number;
}

/** Codes of the layers below, where they have one of their own here. */
const CODES: ReadonlyMap<string, OnnxErrorCode> = new Map([
  ["checksum", "checksum-mismatch"],
  ["limit", "limit"],
]);

/** Runs a step and gives errors of the layers below as this package's own. */
async function typed<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    throw new OnnxError(CODES.get(error.code) ?? "checkpoint-invalid", error.message, {
      cause: error,
    });
  }
}

function unknownName(name: string, count: number): RangeError {
  return new RangeError(
    `Cannot read tensor ${
      JSON.stringify(name)
    }: the checkpoint holds ${count} tensors of other names`,
  );
}

class TorchCheckpoint implements Checkpoint {
  readonly names: readonly string[];
  readonly #source: ByteSource;
  readonly #archive: TorchArchive;
  readonly #leaves: NamedLeaves;

  constructor(source: ByteSource, archive: TorchArchive, budget: Budget) {
    this.#source = source;
    this.#archive = archive;
    this.#leaves = nameLeaves(archive.root, budget);
    this.names = [...this.#leaves.tensors.keys()];
    if (this.#leaves.tensors.size > 0) return;
    throw new OnnxError("checkpoint-invalid", `Cannot read checkpoint ${source.name}: no tensors`);
  }

  get format(): TorchArchive["format"] {
    return this.#archive.format;
  }

  get metadata(): ReadonlyMap<string, CheckpointValue> {
    return this.#leaves.values;
  }

  get bytesRead(): number {
    return this.#source.bytesRead;
  }

  has(name: string): boolean {
    return this.#leaves.tensors.has(name);
  }

  #tensor(name: string): TorchTensor {
    const found = this.#leaves.tensors.get(name);
    if (found) return found;
    throw unknownName(name, this.#leaves.tensors.size);
  }

  info(name: string): TensorInfo {
    const { dtype, shape } = this.#tensor(name).view;
    return { dtype, shape };
  }

  async read(name: string): Promise<Tensor> {
    const { storage, view, span } = this.#tensor(name);
    const width = dtypeSize(view.dtype);
    const bytes = span === 0 ? new Uint8Array() : storage.bytes?.subarray(0, span * width) ??
      await this.#archived(storage, view.dtype, view.offset * width, span * width);
    const packed = packStrided(view.dtype, view.shape, view.strides, bytes);
    return await typed(() => Promise.resolve(checkBooleans(packed, name)));
  }

  /** A range of a storage's bytes, little-endian. */
  async #archived(
    storage: TorchStorage,
    dtype: DType,
    from: number,
    length: number,
  ): Promise<Uint8Array> {
    const bytes = await typed(() => this.#archive.read(storage, from, length));
    if (!this.#archive.bigEndian) return bytes;
    // They may be the caller's own.
    const own = bytes.slice();
    swapByteOrder(dtype, own);
    return own;
  }

  close(): void {
    this.#source.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

class SafetensorsCheckpoint implements Checkpoint {
  readonly format = "safetensors";
  readonly names: readonly string[];
  readonly #reader: SafetensorsReader;
  readonly #known: Set<string>;

  constructor(reader: SafetensorsReader) {
    this.#reader = reader;
    this.names = reader.names;
    this.#known = new Set(this.names);
  }

  get metadata(): ReadonlyMap<string, CheckpointValue> {
    return this.#reader.metadata;
  }

  get bytesRead(): number {
    return this.#reader.bytesRead;
  }

  has(name: string): boolean {
    return this.#known.has(name);
  }

  info(name: string): TensorInfo {
    if (!this.has(name)) throw unknownName(name, this.names.length);
    const { dtype, shape } = this.#reader.info(name);
    return { dtype, shape };
  }

  async read(name: string): Promise<Tensor> {
    this.info(name);
    return await typed(() => this.#reader.read(name));
  }

  close(): void {
    this.#reader.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Bytes by which a file is known: the word that marks a tar archive lies at 257. */
const HEAD = 512;

/** Memory that a safetensors header takes once it is read, by its bytes. */
const HEADER_GROWTH = 8;

type Layout = "zip" | "legacy" | "safetensors";

/** Files that people take for checkpoints, by how they begin, and what to do about them. */
const LOOKALIKES: readonly (readonly [RegExp, string])[] = [
  [/^\p{Cc}\u008b/u, "it is compressed by gzip: unpack it first"],
  [new RegExp(`^${String.fromCharCode(0x1f, 0x8b)}`), "it is compressed by gzip: unpack it first"],
  [/^version https:\/\/git-lfs/, "it is a pointer of Git LFS: fetch the file itself"],
  [/^\s*</, "it is a web page: the download went wrong"],
  [/^GGUF/, "it is a GGUF file"],
  [
    /^[^]{257}ustar/,
    "it is a tar archive, as PyTorch wrote before version 0.1.10: load it with PyTorch and save it again",
  ],
  // Field 1 of a ModelProto, its version, and then any of the other fields.
  [
    new RegExp(`^${String.fromCharCode(8)}[^]["\u0012\u001a(2:Br]`),
    "it is an ONNX model, which is a finished graph: give the checkpoint that it was made of",
  ],
];

function detect(head: Uint8Array, name: string): Layout {
  const text = String.fromCharCode(...head);
  // First, because the length before the brace may spell any of the others.
  if (text[8] === "{") return "safetensors";
  if (text.startsWith("PK")) return "zip";
  if (head[0] === 0x80) return "legacy";
  const what = LOOKALIKES.find(([pattern]) => pattern.test(text))?.[1] ??
    "it is neither a file of PyTorch nor of safetensors";
  throw new OnnxError("checkpoint-invalid", `Cannot read checkpoint ${name}: ${what}`);
}

async function openAs(source: ByteSource, input: ByteSourceInput, options: CheckpointOptions) {
  const { maxBytes = DEFAULT_TREE_BYTES } = options;
  const layout = detect(await source.read(0, Math.min(HEAD, source.size)), source.name);
  if (layout === "safetensors") {
    source.close();
    const maxHeaderBytes = Math.floor(maxBytes / HEADER_GROWTH);
    return new SafetensorsCheckpoint(await SafetensorsReader.open(input, { maxHeaderBytes }));
  }
  const open = layout === "zip" ? openTorchZip : openTorchLegacy;
  const budget = new Budget(maxBytes);
  const archive = await open(source, new Set(options.allowGlobals), budget);
  return new TorchCheckpoint(source, archive, budget);
}

/**
 * Opens a checkpoint. Only its directory and its tree are read.
 *
 * @param input a path, a `file:` URL, or the file's bytes
 * @throws {OnnxError} `checkpoint-invalid`: not a checkpoint, damaged, or without tensors;
 * `checkpoint-refused`: it names something that is not on the list; `limit`: it is made to take
 * more memory or work than it may
 * @throws {Deno.errors.NotFound} no such file
 */
export async function openCheckpoint(
  input: ByteSourceInput,
  options: CheckpointOptions = {},
): Promise<Checkpoint> {
  const source = await openByteSource(input);
  try {
    return await typed(() => openAs(source, input, options));
  } catch (error) {
    source.close();
    throw error;
  }
}
